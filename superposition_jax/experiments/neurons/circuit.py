"""The asymmetric superposition motif, drawn as a circuit of two features and two neurons."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import layout
from superposition_jax.experiments.neurons.motifs import Motif, strongest
from superposition_jax.results import labels, select

_MOST = 4
_POSITIVE, _NEGATIVE = "#123a7a", "#c06000"


def circuit(dataset: xr.Dataset) -> Figure:
    """The strongest motif of each cell's best seed: inputs, the shared and the inhibiting neuron, outputs, and their weights.

    Elhage et al. 2022, "Computation in Superposition", asymmetric superposition motif.
    """
    best, places = select.best_seed(dataset), [place for place, _ in select.cells(dataset)][:_MOST]
    figure, grid = layout.panels(1, len(places), (3.4, 3.0), gap=(0.3, (0.0,)), margin=(0.2, 0.2, 0.45, 0.75))
    for axes, place in zip(grid[0], places, strict=True):
        model = best.isel(place)
        w_in, w_out = (weights.fillna(0.0).values for weights in (select.directions(model), select.read_out(model)))
        motif = strongest(w_in, w_out)
        if motif is None:
            axes.text(0.5, 0.5, "no motif", ha="center", transform=axes.transAxes)
        else:
            _draw(axes, motif, w_in, w_out)
        axes.set(xlim=(-0.25, 2.25), ylim=(-0.35, 1.3))
        axes.axis("off")
        axes.set_title(labels.place(dataset, place), fontsize=9)
    layout.set_title(figure, dataset, f"strongest asymmetric motif, best of {layout.seeds_note(dataset)}")
    words = "solid blue: excites, dashed orange: inhibits; width and number: weight"
    figure.text(0.5, 0.12 / figure.get_figheight(), words, ha="center", fontsize=8)
    return figure


def _draw(axes, motif: Motif, w_in: np.ndarray, w_out: np.ndarray) -> None:
    """A motif as a graph; inputs, and so their weights, have the sign with which they fire the shared neuron."""
    features, hidden = (motif.source, motif.victim), (motif.shared, motif.inhibitor)
    for row, i in enumerate(features):
        sign = 1 if w_in[motif.shared, i] > 0 else -1
        _node(axes, 0, 1 - row, f"{'−' if sign < 0 else ''}x{_subscript(i)}")
        _node(axes, 2, 1 - row, f"|x{_subscript(i)}|")
        for level, k in enumerate(hidden):
            _edge(axes, (0, 1 - row), (1, 1 - level), sign * w_in[k, i], 0.3)
            _edge(axes, (1, 1 - level), (2, 1 - row), w_out[k, i], 0.7)
    for level, (k, role) in enumerate(zip(hidden, ("shared", "inhibitor"), strict=True)):
        _node(axes, 1, 1 - level, f"neuron {k}\n{role}")
    source = f"{'−' if motif.sign < 0 else ''}x{_subscript(motif.source)}"
    moved = f"{source} = 1 moves |x{_subscript(motif.victim)}| by {motif.interference:.2f} through the shared neuron"
    words = f"{moved},\nby {motif.total:.2f} through all neurons".replace("-", "−")
    axes.text(1, -0.3, words, ha="center", va="center", fontsize=8)


def _subscript(i: int) -> str:
    return str(i).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


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
