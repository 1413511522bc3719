"""Figures for any sweep: measures along its longest axis, and loss curves, with the spread over seeds."""

import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.results import select

_PANELS = {
    "loss_relative": along.LOSS,
    "represented": along.REPRESENTED,
    "dims_per_feature": ("D* = m / ‖W‖²", False),
    "dead_outputs": ("dead outputs", False),
}


def summary(dataset: xr.Dataset) -> Figure:
    """Four measures along the longest axis: median over seeds with the whole range as a band."""
    return along.measures_along(dataset, _PANELS, along.longest(dataset))


def loss_curves(dataset: xr.Dataset) -> Figure:
    """Training loss against step, median over seeds with the whole range as a band, one line a value of the longest axis."""
    seed = select.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.8, 1.9, 0.6, 0.5))
    for label, place, colour in along.lines(dataset, None):
        curve = dataset["loss_curve"].isel(place).dropna("step", how="all")  # runs of another length have points at other steps
        along.draw_range(axes, curve["step"].values, curve, seed, color=colour, label=label)
    axes.set(xlabel="step", ylabel="training loss, sum over features")
    layout.set_log(axes.xaxis, dataset["step"].values)
    layout.set_log(axes.yaxis, dataset["loss_curve"].values)
    layout.legend(figure)
    fixed_at = along.fixed(dataset, along.longest(dataset))
    layout.set_title(figure, dataset, f"median and range of {layout.seeds_note(dataset)}{fixed_at}")
    return figure
