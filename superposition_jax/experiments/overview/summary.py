"""Figures for any sweep: measures along its longest axis, and loss curves, with the spread over seeds."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import layout
from superposition_jax.experiments.along import LOSS, REPRESENTED, longest, measures_along
from superposition_jax.results import select

_PANELS = {
    "loss_relative": LOSS,
    "represented": REPRESENTED,
    "dims_per_feature": ("D* = m / ‖W‖²", False),
    "dead_outputs": ("dead outputs", False),
}


def summary(dataset: xr.Dataset) -> Figure:
    """Four measures along the longest axis: median over seeds with the whole range as a band."""
    return measures_along(dataset, _PANELS, longest(dataset))


def loss_curves(dataset: xr.Dataset) -> Figure:
    """Training loss against step, median over seeds with the whole range as a band, one line a value of the longest axis."""
    seed = select.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), gap=(0, (0.0,)), margin=(0.8, 1.9, 0.6, 0.5))
    for label, here, colour in layout.lines(dataset, None):
        middle, low, high = layout.spread(dataset["loss_curve"].isel(here), seed)
        there = np.isfinite(middle)  # runs of another length have points at other steps
        axes.plot(dataset["step"][there], middle[there], color=colour, label=label)
        axes.fill_between(dataset["step"][there], low[there], high[there], color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="step", ylabel="training loss, sum over features")
    layout.set_log(axes.xaxis, dataset["step"].values)
    layout.set_log(axes.yaxis, dataset["loss_curve"].values)
    layout.legend(figure)
    figure.suptitle(
        fontsize=11,
        t=f"{dataset.attrs.get('name', '')}: median and range of {layout.seeds_note(dataset)}{layout.fixed(dataset, None)}",
    )
    return figure
