"""Neurons of the hidden layer: which features they serve, and the asymmetric superposition motif as a circuit of two neurons."""

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.neurons import SERVES
from superposition_jax.experiments.neurons.motifs import Motif, strongest
from superposition_jax.results import labels, select

_MOST_ROWS, _MOST_CIRCUITS = 7, 4
"""The most cells that the figures `neurons` and `circuit` have room for."""
_MOST, _LABELLED = 8, 12
"""Features per neuron from which the colour stays the same; the most neurons at which bars are labelled."""
_COUNTS = BoundaryNorm(np.arange(0.5, _MOST + 1.5), layout.COLOURS.N)
_POSITIVE, _NEGATIVE = "#123a7a", "#c06000"


def neurons(dataset: xr.Dataset) -> Figure:
    """Left: the neurons of each cell's best seed as bars, stacked by feature, coloured by the number of features. Right: how many
    are monosemantic, polysemantic and silent, over seeds. Elhage et al. 2022, "Superposition in a Privileged Basis"."""
    rows = next(iter(select.cell_dims(dataset)), None)
    fixed_at, dataset = along.fixed(dataset, rows), along.at_first(dataset, rows)
    places, more = layout.first([place for place, _ in select.cells(dataset)], _MOST_ROWS)
    best, most, (n, m) = select.best_seed(dataset), dataset.sizes["hidden"], layout.sizes(dataset)
    size = (float(np.clip(0.28 * most, 4.0, 9.0)), max(1.0, 3.2 / len(places)))
    figure, grid = layout.panels(len(places), 1, size, gap=(0.0, (0.45,)), margin=(0.75, 4.4, 0.55, 0.9))
    for axes, place in zip(grid[:, 0], places, strict=True):
        model = best.isel(place)
        _bars(axes, model)
        axes.set_title(f"{labels.place(dataset, place, ', ')}loss {float(model['loss']):.3g}", fontsize=8, loc="left", pad=3)
    labelled = "; in the bars: feature i" if most <= _LABELLED else ""
    grid[-1, 0].set_xlabel(f"neuron k, by its strongest feature{labelled}")
    grid[len(places) // 2, 0].set_ylabel("contribution to xᵢ′")
    _counts(figure, dataset, places)
    note = f"n = {n}, m = {m}; best of {layout.seeds_note(dataset)} (left), all of them (right)"
    return layout.set_title(figure, dataset, note + fixed_at + more)


def _bars(axes, model: xr.Dataset) -> None:
    """A bar for each neuron: what it contributes to the features that it serves, stacked, with their number above."""
    contribution = model["contribution"].transpose("hidden", "feature").dropna("hidden", how="all").fillna(0.0).values
    served = [np.flatnonzero(row >= SERVES) for row in contribution]
    order = sorted(range(len(served)), key=lambda k: (served[k].size == 0, contribution[k].argmax(), -contribution[k].max()))
    for x, k in enumerate(order):
        bottom, colour = 0.0, layout.COLOURS(_COUNTS(min(len(served[k]), _MOST)))
        for i in served[k][np.argsort(-contribution[k][served[k]], kind="stable")]:
            height = contribution[k, i]
            axes.bar(x, height, 0.85, bottom, color=colour, edgecolor="white", linewidth=0.6)
            if len(order) <= _LABELLED and height > 0.25:
                ink = "white" if np.mean(colour[:3]) < 0.5 else "black"
                axes.text(x, bottom + height / 2, str(i), ha="center", va="center", fontsize=6, color=ink)
            bottom += height
        axes.text(x, bottom, str(len(served[k])), ha="center", va="bottom", fontsize=6)
    axes.set(xlim=(-0.6, len(order) - 0.4), xticks=[])
    axes.margins(y=0.25)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def _counts(figure: Figure, dataset: xr.Dataset, places: list[dict[str, int]]) -> None:
    """Numbers of monosemantic, polysemantic and silent neurons of every cell over seeds; below, the colours of bars."""
    width, height = figure.get_size_inches()
    below = figure.add_axes((1 - 3.6 / width, 0.75 / height, 3.3 / width, 0.12 / height))
    colours = mpl.cm.ScalarMappable(_COUNTS, layout.COLOURS)
    bar = figure.colorbar(colours, cax=below, orientation="horizontal", label="features per neuron")
    bar.set_ticks([*range(1, _MOST + 1)], labels=[*map(str, range(1, _MOST)), f"≥ {_MOST}"])
    tall = float(np.clip(height - 2.9, 1.0, 2.8))
    axes = figure.add_axes((1 - 3.6 / width, (height - 0.9 - tall) / height, 3.3 / width, tall / height))
    seed, best = select.seed_dim(dataset), select.best_seed(dataset)
    kinds = {"monosemantic": lambda c: c == 1, "polysemantic": lambda c: c > 1, "silent": lambda c: c == 0}
    for number, (name, is_kind) in enumerate(kinds.items()):
        counts = [is_kind(dataset["features_per_neuron"].isel(place)).sum("hidden") for place in places]
        middle, low, high = np.transpose([along.spread(count, seed) for count in counts])
        x = np.arange(len(places)) + 0.15 * (number - 1)
        look: dict[str, Any] = {"color": layout.COLOURS([0.0, 0.5, 0.85][number]), "fmt": layout.marker(number), "ms": 4}
        axes.errorbar(x, middle, [middle - low, high - middle], capsize=2, label=name, **look)
        best_counts = [is_kind(best["features_per_neuron"].isel(place)).sum() for place in places]
        axes.plot(x, best_counts, "x", color=look["color"], ms=6)
    layout.set_cells(axes, dataset, places)
    axes.set(ylabel="neurons", ylim=(0, None))
    axes.set_title("median and range of seeds; ×: best seed", fontsize=8)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.22), columnspacing=1)


def circuit(dataset: xr.Dataset) -> Figure:
    """The strongest motif of each cell's best seed: inputs, the shared and the inhibiting neuron, outputs, and their weights.

    Elhage et al. 2022, "Computation in Superposition", asymmetric superposition motif.
    """
    best, places = select.best_seed(dataset), [place for place, _ in select.cells(dataset)][:_MOST_CIRCUITS]
    figure, grid = layout.panels(1, len(places), (3.4, 3.0), gap=(0.3, (0.0,)), margin=(0.2, 0.2, 0.45, 0.75))
    for axes, place in zip(grid[0], places, strict=True):
        model = best.isel(place)
        w_in, w_out = (weights.fillna(0.0).values for weights in (select.directions(model), select.read_out(model)))
        if motif := strongest(w_in, w_out):
            _draw(axes, motif, w_in, w_out)
        else:
            axes.text(0.5, 0.5, "no motif", ha="center", transform=axes.transAxes)
        axes.set(xlim=(-0.25, 2.25), ylim=(-0.35, 1.3))
        axes.axis("off")
        axes.set_title(labels.place(dataset, place), fontsize=9)
    words = "solid blue: excites, dashed orange: inhibits; width and number: weight"
    figure.text(0.5, 0.12 / figure.get_figheight(), words, ha="center", fontsize=7)
    return layout.set_title(figure, dataset, f"strongest asymmetric motif, best of {layout.seeds_note(dataset)}")


def _draw(axes, motif: Motif, w_in: np.ndarray, w_out: np.ndarray) -> None:
    """A motif as a graph; inputs, and so their weights, have the sign with which they fire the shared neuron."""
    features, hidden = (motif.source, motif.victim), (motif.shared, motif.inhibitor)
    for row, i in enumerate(features):
        sign = 1 if w_in[motif.shared, i] > 0 else -1
        _node(axes, 0, 1 - row, _feature(i, sign))
        _node(axes, 2, 1 - row, f"|{_feature(i)}|")
        for level, k in enumerate(hidden):
            _edge(axes, (0, 1 - row), (1, 1 - level), sign * w_in[k, i], 0.3)
            _edge(axes, (1, 1 - level), (2, 1 - row), w_out[k, i], 0.7)
    for level, (k, role) in enumerate(zip(hidden, ("shared", "inhibitor"), strict=True)):
        _node(axes, 1, 1 - level, f"neuron {k}\n{role}")
    source, victim = _feature(motif.source, motif.sign), _feature(motif.victim)
    words = f"{source} = 1 moves |{victim}| by {motif.interference:.2f} through the shared neuron,\nby {motif.total:.2f}"
    axes.text(1, -0.3, f"{words} through all neurons".replace("-", "−"), ha="center", va="center", fontsize=8)


def _feature(i: int, sign: int = 1) -> str:
    return f"{'−' if sign < 0 else ''}x{str(i).translate(str.maketrans('0123456789', '₀₁₂₃₄₅₆₇₈₉'))}"


def _node(axes, x: float, y: float, text: str) -> None:
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.4"}
    axes.text(x, y, text, ha="center", va="center", fontsize=8, bbox=box, zorder=3)


def _edge(axes, start: tuple[float, float], end: tuple[float, float], weight: float, at: float) -> None:
    """A line as wide as its weight, with the weight beside it; weights near 0 are left out."""
    if abs(weight) < 0.05:
        return
    colour, style = (_POSITIVE, "-") if weight > 0 else (_NEGATIVE, (0, (2, 0.8)))
    axes.plot(*zip(start, end, strict=True), color=colour, linestyle=style, linewidth=min(4.0, 0.5 + abs(weight)), alpha=0.8)
    x, y = (a + at * (b - a) for a, b in zip(start, end, strict=True))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    axes.text(x, y, f"{weight:.2f}".replace("-", "−"), fontsize=7, ha="center", va="center", bbox=box, zorder=2)
