"""Adversarial vulnerability beside features per dimension."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.results import labels, select

_PANELS = {
    "vulnerability": ("vulnerability (L′ − L) / (L′₀ − L₀)", False),
    "features_per_dimension": ("features per dimension ‖W‖² / m", False),
    "attacked_loss": ("loss L′ under attack", True),
    "loss": ("loss L", True),
}


def vulnerability(dataset: xr.Dataset) -> Figure:
    """Vulnerability, features per dimension and both losses along the first axis: median, best seed and range of the seeds.

    Elhage et al. 2022, "Superposition and Adversarial Examples".
    """
    packed = dataset.assign(features_per_dimension=1 / dataset["dims_per_feature"])
    return along.measures_along(packed, _PANELS, next(iter(select.cell_dims(dataset)), None))


def vulnerability_by_packing(dataset: xr.Dataset) -> Figure:
    """Vulnerability against features per dimension: every seed as a dot, and the medians of cells joined along the first axis.

    On the dotted line both are equal: there an attack costs in proportion to the features that share a dimension.
    """
    dim, seed = next(iter(select.cell_dims(dataset)), None), select.seed_dim(dataset)
    packed = 1 / dataset["dims_per_feature"]
    figure, ((axes,),) = layout.panels(1, 1, (4.2, 3.4), margin=(0.75, 2.4, 0.6, 0.5))
    for number, (name, place, colour) in enumerate(along.lines(dataset, dim)):
        x, y = packed.isel(place), dataset["vulnerability"].isel(place)
        axes.plot(x.values.ravel(), y.values.ravel(), "o", ms=3, color=colour, alpha=0.4)
        if seed is not None:
            style = {"color": colour, "marker": layout.marker(number + 1), "ms": 5, "markerfacecolor": "none"}
            axes.plot(x.median(seed).values.ravel(), y.median(seed).values.ravel(), label=name or "median of seeds", **style)
    ends = [1.0, max(1.0, float(packed.where(np.isfinite(packed)).max()))]
    axes.plot(ends, ends, ":", color="0.4", label="equal")
    axes.set(xlabel=_PANELS["features_per_dimension"][0], ylabel=_PANELS["vulnerability"][0], xlim=(0, None), ylim=(0, None))
    layout.legend(figure)
    joined = "" if dim is None else f" along {labels.label(dataset, dim)}"
    return layout.set_title(figure, dataset, f"{layout.seeds_note(dataset)} (dots), medians joined{joined}", size=10)
