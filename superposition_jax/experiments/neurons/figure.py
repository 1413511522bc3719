"""Neurons of the hidden layer: which features each of them serves, and how many serve one feature or several."""

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.neurons import SERVES
from superposition_jax.results import labels, select

_MOST_ROWS = 7
_MOST, _LABELLED = 8, 12
"""Features per neuron from which the colour stays the same; the most neurons at which bars are labelled."""
_COUNTS = BoundaryNorm(np.arange(0.5, _MOST + 1.5), layout.COLOURS.N)


def neurons(dataset: xr.Dataset) -> Figure:
    """Left: the neurons of each cell's best seed as bars, stacked by feature, coloured by the number of features. Right: how many
    are monosemantic, polysemantic and silent, over seeds. Elhage et al. 2022, "Superposition in a Privileged Basis"."""
    rows = next(iter(select.cell_dims(dataset)), None)
    fixed_at, dataset = along.fixed(dataset, rows), along.at_first(dataset, rows)
    places, more = layout.first([place for place, _ in select.cells(dataset)], _MOST_ROWS)
    best, m = select.best_seed(dataset), dataset.sizes["hidden"]
    size = (float(np.clip(0.28 * m, 4.0, 9.0)), max(1.0, 3.2 / len(places)))
    figure, grid = layout.panels(len(places), 1, size, gap=(0.0, (0.45,)), margin=(0.75, 4.4, 0.55, 0.9))
    for axes, place in zip(grid[:, 0], places, strict=True):
        model = best.isel(place)
        _bars(axes, model)
        words = f"{labels.place(dataset, place, ', ')}loss {float(model['loss']):.3g}"
        axes.set_title(words, fontsize=8, loc="left", pad=3)
    few = "; in the bars: feature i" if m <= _LABELLED else ""
    grid[-1, 0].set_xlabel(f"neuron k, by its strongest feature{few}")
    grid[len(places) // 2, 0].set_ylabel("contribution to xᵢ′")
    _colour_bar(figure)
    _counts(figure, dataset, places)
    note = f"n = {dataset.sizes['feature']}, m = {m}; best of {layout.seeds_note(dataset)} (left), all of them (right)"
    layout.set_title(figure, dataset, note + fixed_at + more)
    return figure


def _bars(axes, model: xr.Dataset) -> None:
    """A bar for each neuron: what it contributes to the features that it serves, stacked, with their number above."""
    contribution = model["contribution"].transpose("hidden", "feature").dropna("hidden", how="all").fillna(0.0).values
    served = [np.flatnonzero(row >= SERVES) for row in contribution]
    order = sorted(
        range(len(contribution)), key=lambda k: (len(served[k]) == 0, contribution[k].argmax(), -contribution[k].max())
    )
    for x, k in enumerate(order):
        bottom, count = 0.0, len(served[k])
        colour = layout.COLOURS(_COUNTS(min(count, _MOST)))
        for i in served[k][np.argsort(-contribution[k][served[k]], kind="stable")]:
            height = contribution[k, i]
            axes.bar(x, height, 0.85, bottom, color=colour, edgecolor="white", linewidth=0.6)
            if len(order) <= _LABELLED and height > 0.25:
                ink = "white" if np.mean(colour[:3]) < 0.5 else "black"
                axes.text(x, bottom + height / 2, str(i), ha="center", va="center", fontsize=6, color=ink)
            bottom += height
        axes.text(x, bottom, str(count), ha="center", va="bottom", fontsize=6)
    axes.set(xlim=(-0.6, len(order) - 0.4), xticks=[])
    axes.margins(y=0.25)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def _colour_bar(figure: Figure) -> None:
    """The colours of numbers of features, at the lower right."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((1 - 3.6 / width, 0.75 / height, 3.3 / width, 0.12 / height))
    counts = mpl.cm.ScalarMappable(_COUNTS, layout.COLOURS)
    bar = figure.colorbar(counts, cax=axes, orientation="horizontal", label="features per neuron")
    bar.set_ticks([*range(1, _MOST + 1)], labels=[*map(str, range(1, _MOST)), f"≥ {_MOST}"])


def _counts(figure: Figure, dataset: xr.Dataset, places: list[dict[str, int]]) -> None:
    """Numbers of monosemantic, polysemantic and silent neurons of every cell: median and range over seeds, and the best seed."""
    width, height = figure.get_size_inches()
    tall = float(np.clip(height - 2.9, 1.0, 2.8))
    axes = figure.add_axes((1 - 3.6 / width, (height - 0.9 - tall) / height, 3.3 / width, tall / height))
    seed, best = select.seed_dim(dataset), select.best_seed(dataset)
    kinds = {"monosemantic": lambda c: c == 1, "polysemantic": lambda c: c > 1, "silent": lambda c: c == 0}
    for number, (name, is_kind) in enumerate(kinds.items()):
        counts = [is_kind(dataset["features_per_neuron"].isel(place)).sum("hidden") for place in places]
        middle, low, high = np.transpose([[np.ravel(ends)[0] for ends in along.spread(count, seed)] for count in counts])
        x = np.arange(len(places)) + 0.15 * (number - 1)
        look: dict[str, Any] = {"color": layout.COLOURS([0.0, 0.5, 0.85][number]), "fmt": layout.marker(number), "ms": 4}
        axes.errorbar(x, middle, [middle - low, high - middle], capsize=2, label=name, **look)
        best_counts = [is_kind(best["features_per_neuron"].isel(place)).sum() for place in places]
        axes.plot(x, best_counts, "x", color=look["color"], ms=6)
    layout.set_cells(axes, dataset, places)
    axes.set(ylabel="neurons", ylim=(0, None))
    axes.set_title("median and range of seeds; ×: best seed", fontsize=8)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.22), columnspacing=1)
