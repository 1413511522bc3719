"""Learning in time, from snapshots: dimensionality of features over the loss, and the paths of features' directions."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

from superposition_jax.core import sets
from superposition_jax.core.geometry import dimensionality
from superposition_jax.engine import population
from superposition_jax.experiments import along, layout
from superposition_jax.results import select

_FRAMES = 60
_TITLE = "columns Wᵢ in training{}best of {}; colour and marker: set"


def dynamics(dataset: xr.Dataset) -> Figure:
    """D_i of every feature against the step, with the values of solids, and the training loss below, on one logarithmic axis.

    Elhage et al. 2022, "Learning dynamics: discrete energy level jumps".
    """
    model, w = _first_best(dataset)
    d = population.over_models(dimensionality, w)
    figure, grid = layout.panels(2, 1, (6.5, 3.6), gap=(0, (0.15,)), margin=(0.8, 1.5, 0.6, 0.5), heights=(1.0, 0.45))
    above, below = grid[:, 0]
    steps = np.maximum(model["snapshot"].values, 0.8)  # step 0 does not exist on a logarithmic axis
    start = max(steps[0], steps[-1] / 1000)
    for i in np.argsort(d[-1]):
        above.plot(steps, d[:, i], color=layout.colour(i, d.shape[1]), lw=0.6, alpha=0.7)
    layout.draw_levels(above, ":")
    above.set(ylabel="feature dimensionality Dᵢ", ylim=(0, 1.05))
    below.plot(model["step"], model["loss_curve"], color="#123a7a")
    below.set(xlabel="step", ylabel="training loss")
    if model["loss_curve"].max() > 3 * model["loss_curve"].min():
        layout.set_log(below.yaxis, model["loss_curve"].values)
    for axes in (above, below):
        layout.set_log(axes.xaxis, steps)
        axes.set_xlim(start, steps[-1])
    above.tick_params(labelbottom=False)
    n, m = layout.sizes(model)
    note = f"n = {n}, m = {m}, best of {layout.seeds_note(dataset)}{along.fixed(dataset)}"
    shown = model["loss_curve"].values[model["step"].values >= start]
    if np.isfinite(shown).any() and np.nanmin(shown) < np.nanmax(shown):
        below.set_ylim(np.nanmin(shown) * 0.998, np.nanmax(shown) * 1.002)
    return layout.set_title(figure, dataset, note, size=10)


def trajectories(dataset: xr.Dataset) -> Figure:
    """Columns W_i in space at moments of training, with their paths; colour and marker are the feature's set.

    Elhage et al. 2022, "Learning as Geometric Transformations".
    """
    model, w, owner = _paths(dataset)
    moments = _moments(model)
    figure, grid = layout.panels(1, len(moments), (2.4, 2.4), margin=(0.0, 0.0, 0.1, 0.7), projection="3d")
    for axes, moment in zip(grid[0], moments, strict=True):
        _still(axes, model, w, moment, owner)
    return layout.set_title(figure, dataset, _TITLE.format(", ", layout.seeds_note(dataset)))


def film(dataset: xr.Dataset) -> FuncAnimation:
    """The trajectories as a film, in equal steps of the logarithm of time, slowly turning."""
    model, w, owner = _paths(dataset)
    figure = Figure(figsize=(5.0, 5.4))
    axes: Any = figure.add_axes((0.02, 0.02, 0.96, 0.8), projection="3d")
    layout.set_title(figure, dataset, _TITLE.format("\n", layout.seeds_note(dataset)), size=9)
    moments = np.unique(np.linspace(0, len(w) - 1, _FRAMES).astype(int))

    def frame(number: int):
        axes.clear()
        _still(axes, model, w, moments[number], owner)
        axes.view_init(elev=25, azim=-60 + number)
        return axes.artists

    return FuncAnimation(figure, frame, frames=len(moments), interval=120)


def _first_best(dataset: xr.Dataset) -> tuple[xr.Dataset, np.ndarray]:
    """The best seed of the first cell with a model that is ok, with the features that it has, and its W as `snapshots`."""
    best = select.best_seed(along.at_first(dataset))
    return select.snapshots(best.isel(feature=best["feature_norm"].notnull().values))


def _paths(dataset: xr.Dataset) -> tuple[xr.Dataset, np.ndarray, np.ndarray]:
    """The first cell's best model, its W (snapshot, 3, feature), in the last W's principal directions where m > 3, and the set of
    every feature, one of its own where features are independent."""
    model, w = _first_best(dataset)
    kind, sizes = (select.leaf(dataset, f"data.sets.{name}", select.first_ok(dataset)) for name in ("kind", "sizes"))
    return model, layout.in_space(w), sets.owner(sets.sizes(kind, sizes, w.shape[2]))


def _still(axes, model: xr.Dataset, w: np.ndarray, moment: int, owner: np.ndarray) -> None:
    """The columns at one snapshot, and their paths up to it."""
    for i, path in enumerate(np.moveaxis(w[: moment + 1], 2, 0)):
        colour, marker = layout.colour(owner[i], owner.max() + 1), layout.marker(owner[i])
        axes.plot(*path.T, lw=0.7, alpha=0.6, color=colour)
        axes.plot(*([0, end] for end in path[-1]), lw=1.5, marker=marker, markevery=[1], ms=5, color=colour)
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
