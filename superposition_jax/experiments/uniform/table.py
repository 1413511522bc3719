"""The plateaus of dimensions per feature."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.uniform import NEAR
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select


def plateaus(dataset: xr.Dataset, trainer: Trainer) -> dict[str, xr.DataArray]:
    """The plateau that a model is on, D* = 1 or ½; NaN if on neither. Elhage et al. 2022, "Uniform Superposition"."""
    stars = dataset["dims_per_feature"]
    level = sum(xr.where(np.abs(stars - level) <= NEAR, level, 0.0) for level in (1.0, 0.5))
    return {"plateau": level.where(level > 0)}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """D* and relative loss of every cell, and the plateau that all of its models are on."""
    for place, cell in select.ok_cells(dataset, "plateau", "dims_per_feature", "loss_relative"):
        plateau = cell["plateau"].values.ravel()
        where = ", on the plateau at 1" if (plateau == 1).all() else ", on the plateau at ½" if (plateau == 0.5).all() else ""
        stars, loss = (mean_error(cell[name]) for name in ("dims_per_feature", "loss_relative"))
        yield f"{labels.place(dataset, place, ': ')}D* = {stars}, relative loss {loss}{where}"
