"""The frame potential along the longest axis, between those of a tight frame and of random directions."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.frames.table import of_random_directions
from superposition_jax.results import select


def frames(dataset: xr.Dataset) -> Figure:
    """Median and range of the seeds, and what as many random directions have on average; a tight frame has 1."""
    across, seed = along.longest(dataset), select.seed_dim(dataset)
    whole, dataset = dataset, along.at_first(dataset, across)
    random = dataset["represented"].copy(data=of_random_directions(dataset["represented"].values, dataset.sizes["hidden"]))
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.75, 2.2, 0.6, 0.5))
    x = layout.set_scale(axes, dataset, across)
    along.draw_range(axes, x, random, seed, "s--", color="0.45", ms=4, label="random directions")
    along.draw_range(axes, x, dataset["frame_potential"], seed, "o-", color=layout.COLOURS(0.3), ms=4, label="trained features")
    axes.axhline(1, color="black", lw=0.8, ls=":", label="tight frame")
    axes.set(ylabel="frame potential m·‖WWᵀ‖²/‖W‖⁴", ylim=(0.95, 1.05 * float(np.nanmax(random))))
    layout.legend(figure)
    layout.set_title(figure, whole, f"median and range of {layout.seeds_note(whole)}{along.fixed(whole, across)}")
    return figure
