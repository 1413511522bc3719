"""Learning in time, from snapshots: dimensionality of features over the loss, and paths of feature directions."""

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from superposition_jax import labels, sets
from superposition_jax.figures import layout
from superposition_jax.geometry import dimensionality
from superposition_jax.solids import LEVELS


def _one(dataset: xr.Dataset) -> xr.Dataset:
    """The best seed of the first cell."""
    return labels.best_seed(dataset).isel(dict.fromkeys(labels.cell_dims(dataset), 0))


def dynamics(dataset: xr.Dataset) -> Figure:
    """D_i of every feature against the step, with the values of solids, and the training loss below, on one logarithmic axis.

    Elhage et al. 2022, "Learning dynamics: discrete energy level jumps".
    """
    model = _one(dataset)
    w = labels.directions(model, "_snapshots").transpose("snapshot", "hidden", "feature").values
    d = np.array([dimensionality(jnp.asarray(one)) for one in w])
    figure, grid = layout.panels(2, 1, (6.5, 3.6), gap=(0, (0.15,)), margin=(0.8, 1.5, 0.6, 0.5), heights=(1.0, 0.45))
    above, below = grid[:, 0]
    steps = np.maximum(model["snapshot"].values, 0.8)  # the start, which has no place on a logarithmic axis, at the left
    colours = mpl.colormaps["cividis"](np.linspace(0, 0.9, d.shape[1]))
    for i in np.argsort(d[-1]):
        above.plot(steps, d[:, i], color=colours[i], lw=0.6, alpha=0.7)
    for text, value in LEVELS.items():
        above.axhline(value, color="#c06000", lw=0.7, ls=":")
        above.text(1.01, value, text, transform=above.get_yaxis_transform(), va="center", fontsize=8)
    above.set(ylabel="feature dimensionality Dᵢ", ylim=(0, 1.05))
    below.plot(model["step"], model["loss_curve"], color="#123a7a")
    below.set(xlabel="step", ylabel="training loss")
    if model["loss_curve"].max() > 3 * model["loss_curve"].min():
        layout.set_log(below.yaxis, model["loss_curve"].values)
    for axes in (above, below):
        layout.set_log(axes.xaxis, steps)
        axes.set_xlim(max(steps[0], steps[-1] / 1000), steps[-1])
    above.tick_params(labelbottom=False)
    n, m = dataset.sizes["feature"], dataset.sizes["hidden"]
    above.set_title(f"{dataset.attrs.get('name', '')}: n = {n}, m = {m}, best of {layout.seeds_note(dataset)}", fontsize=10)
    return figure


def trajectories(dataset: xr.Dataset) -> Figure:
    """Columns W_i in space at six times of training, with the way that they came; colour and mark are the feature's set.

    Elhage et al. 2022, "Learning as geometric transformations".
    """
    model = _one(dataset)
    w = labels.directions(model, "_snapshots").transpose("snapshot", "hidden", "feature").values
    if w.shape[1] > 3:
        w = np.linalg.svd(w[-1])[0].T[:3] @ w
    w = np.pad(w, ((0, 0), (0, 3 - w.shape[1]), (0, 0)))
    loss, places = model["loss_curve"], _moments(model)
    figure = Figure(figsize=(2.4 * len(places), 3.2))
    grid = GridSpec(1, len(places), figure=figure, left=0.01, right=0.99, bottom=0.02, top=0.78, wspace=0.02)
    owner = _sets(dataset)
    reach = 1.1 * np.linalg.norm(w, axis=1).max()
    for k, place in enumerate(places):
        axes = figure.add_subplot(grid[0, k], projection="3d")
        for i in range(w.shape[2]):
            colour = mpl.colormaps["cividis"](0.85 * owner[i] / max(1, owner.max()))
            axes.plot(*w[: place + 1, :, i].T, color=colour, lw=0.7, alpha=0.6)
            axes.plot(
                *(([0, end]) for end in w[place, :, i]), color=colour, lw=1.5, marker="osD^vP"[owner[i] % 6], markevery=[1], ms=5
            )
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach), xticks=[], yticks=[], zticks=[])
        step = int(model["snapshot"][place])
        axes.set_title(f"step {step}\nloss {float(loss.sel(step=max(step, 1), method='nearest')):.3g}", fontsize=9)
    figure.suptitle(
        f"{dataset.attrs.get('name', '')}: columns Wᵢ in training, best of {layout.seeds_note(dataset)}; colour and mark: set",
        fontsize=11,
    )
    return figure


def _moments(model: xr.Dataset) -> np.ndarray:
    """Places of snapshots to show: the stages that the table found and the times between them, or else six along the way."""
    steps = model["snapshot"].values
    if "line_step" in model and all(np.isfinite(model[name]) for name in ("line_step", "triangles_step", "antiprism_step")):
        line, triangles, antiprism = (float(model[name]) for name in ("line_step", "triangles_step", "antiprism_step"))
        wanted = [0.5 * line, line, (line * triangles) ** 0.5, triangles, antiprism, steps[-1]]
        return np.unique([int(np.abs(steps - step).argmin()) for step in wanted])
    return np.unique(np.linspace(len(steps) // 4, len(steps) - 1, 6).astype(int))


def _sets(dataset: xr.Dataset) -> np.ndarray:
    """Set of every feature; its number where features are independent."""
    given = (labels.leaf(dataset, f"data.sets.{name}", {}) for name in ("kind", "sizes"))
    return sets.owner(sets.sizes(*given, dataset.sizes["feature"]))
