"""Features in superposition against the penalty."""

import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments.along import LOSS, REPRESENTED, longest, measures_along


def superposed(dataset: xr.Dataset) -> Figure:
    """How many features are represented, and how many of them in superposition, beside the loss, along the longest axis."""
    panels = {"represented": REPRESENTED, "superposed": ("… of these in superposition", False), "loss_relative": LOSS}
    return measures_along(dataset, panels, longest(dataset))
