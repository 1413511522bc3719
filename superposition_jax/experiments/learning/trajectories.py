"""Learning in time, from snapshots: the paths of feature directions, as stills and as a film."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

from superposition_jax.core import sets
from superposition_jax.experiments import layout
from superposition_jax.results import select

_FRAMES = 60


def trajectories(dataset: xr.Dataset) -> Figure:
    """Columns W_i in space at moments of training, with their paths; colour and marker are the feature's set.

    Elhage et al. 2022, "Learning as Geometric Transformations".
    """
    model, w = _paths(dataset)
    moments = _moments(model)
    figure, grid = layout.panels(1, len(moments), (2.4, 2.4), margin=(0.0, 0.0, 0.1, 0.7), projection="3d")
    for axes, moment in zip(grid[0], moments, strict=True):
        _still(axes, model, w, moment, _sets(dataset))
    figure.suptitle(_title(dataset), fontsize=11)
    return figure


def film(dataset: xr.Dataset) -> FuncAnimation:
    """The trajectories as a film, in equal steps of the logarithm of time, slowly turning."""
    model, w = _paths(dataset)
    owner = _sets(dataset)
    figure = Figure(figsize=(5.0, 5.4))
    axes: Any = figure.add_axes((0.02, 0.02, 0.96, 0.8), projection="3d")
    figure.suptitle(_title(dataset).replace(", best", "\nbest"), fontsize=9)
    moments = np.unique(np.linspace(0, len(w) - 1, _FRAMES).astype(int))

    def frame(number: int):
        axes.clear()
        _still(axes, model, w, moments[number], owner)
        axes.view_init(elev=25, azim=-60 + number)
        return axes.artists

    return FuncAnimation(figure, frame, frames=len(moments), interval=120)


def _title(dataset: xr.Dataset) -> str:
    return layout.titled(dataset, f"columns Wᵢ in training, best of {layout.seeds_note(dataset)}; colour and marker: set")


def _paths(dataset: xr.Dataset) -> tuple[xr.Dataset, np.ndarray]:
    """The first cell's best model and its W (snapshot, 3, feature), in the last W's principal directions where m > 3."""
    model, w = select.snapshots(select.first_best(dataset))
    if w.shape[1] > 3:
        w = np.linalg.svd(w[-1])[0].T[:3] @ w
    return model, np.pad(w, ((0, 0), (0, 3 - w.shape[1]), (0, 0)))


def _still(axes, model: xr.Dataset, w: np.ndarray, moment: int, owner: np.ndarray) -> None:
    """The columns at one snapshot, and their paths up to it."""
    for i in range(w.shape[2]):
        colour, marker = layout.colour(owner[i], owner.max() + 1), layout.marker(owner[i])
        axes.plot(*w[: moment + 1, :, i].T, lw=0.7, alpha=0.6, color=colour)
        axes.plot(*([0, end] for end in w[moment, :, i]), lw=1.5, marker=marker, markevery=[1], ms=5, color=colour)
    layout.set_cube(axes, 1.1 * np.linalg.norm(w, axis=1).max())
    step = int(model["snapshot"][moment])
    loss = model["loss_curve"].sel(step=max(step, 1), method="nearest")
    axes.set_title(f"step {step}\nloss {float(loss):.3g}", fontsize=9)


def _moments(model: xr.Dataset) -> np.ndarray:
    """Indices of the snapshots to show: at and between the stages of the table `stages`, or else six evenly spaced ones."""
    steps, names = model["snapshot"].values, ("line_step", "triangles_step", "antiprism_step")
    if "line_step" in model and all(np.isfinite(model[name]) for name in names):
        line, triangles, antiprism = (float(model[name]) for name in names)
        wanted = [0.5 * line, line, (line * triangles) ** 0.5, triangles, antiprism, steps[-1]]
        return np.unique([int(np.abs(steps - step).argmin()) for step in wanted])
    return np.unique(np.linspace(len(steps) // 4, len(steps) - 1, 6).astype(int))


def _sets(dataset: xr.Dataset) -> np.ndarray:
    """The set of every feature in the first cell; a set of its own where features are independent."""
    first = dict.fromkeys(map(str, dataset["loss"].dims), 0)
    kind, sizes = (select.leaf(dataset, f"data.sets.{name}", first) for name in ("kind", "sizes"))
    return sets.owner(sets.sizes(kind, sizes, dataset.sizes["feature"]))
