"""Learning in time, from snapshots: dimensionality of features over the loss."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.core.geometry import dimensionality
from superposition_jax.engine import population
from superposition_jax.experiments import along, layout
from superposition_jax.results import select


def dynamics(dataset: xr.Dataset) -> Figure:
    """D_i of every feature against the step, with the values of solids, and the training loss below, on one logarithmic axis.

    Elhage et al. 2022, "Learning dynamics: discrete energy level jumps".
    """
    model, w = select.snapshots(select.first_best(dataset))
    d = population.over_models(dimensionality, w)
    figure, grid = layout.panels(2, 1, (6.5, 3.6), gap=(0, (0.15,)), margin=(0.8, 1.5, 0.6, 0.5), heights=(1.0, 0.45))
    above, below = grid[:, 0]
    steps = np.maximum(model["snapshot"].values, 0.8)  # step 0 does not exist on a logarithmic axis
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
        axes.set_xlim(max(steps[0], steps[-1] / 1000), steps[-1])
    above.tick_params(labelbottom=False)
    n, m = dataset.sizes["feature"], dataset.sizes["hidden"]
    note = f"n = {n}, m = {m}, best of {layout.seeds_note(dataset)}{along.fixed(dataset)}"
    above.set_title(layout.titled(dataset, note), fontsize=10)
    shown = model["loss_curve"].values[model["step"].values >= max(steps[0], steps[-1] / 1000)]
    if np.isfinite(shown).any() and np.nanmin(shown) < np.nanmax(shown):
        below.set_ylim(np.nanmin(shown) * 0.998, np.nanmax(shown) * 1.002)
    return figure
