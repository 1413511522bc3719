"""Features in superposition against the penalty."""

import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along


def superposed(dataset: xr.Dataset) -> Figure:
    """Number of represented features, number of these in superposition, and loss along the longest axis."""
    panels = {"represented": along.REPRESENTED, "superposed": ("… of these in superposition", False), "loss_relative": along.LOSS}
    return along.measures_along(dataset, panels, along.longest(dataset))
