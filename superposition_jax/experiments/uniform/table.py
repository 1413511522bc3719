"""Where dimensions per feature stick."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select

_LEVELS, _NEAR = (1.0, 0.5), 0.03


def plateaus(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """The plateau, D* = 1 or ½, that a model is on, NaN where it is on neither. Elhage et al. 2022, "Uniform Superposition"."""
    stars = dataset["dims_per_feature"]
    near = [(np.abs(stars - level) <= _NEAR, level) for level in _LEVELS]
    found = sum(xr.where(here, level, 0.0) for here, level in near)
    meaning = f"1 or ½, whichever D* is within {_NEAR} of, NaN where it is of neither"
    found = found.where(found > 0).drop_vars(list(found.coords)).assign_attrs(long_name=meaning)
    table = xr.Dataset({"plateau": found.transpose(*stars.dims)})
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[["plateau", "dims_per_feature", "loss_relative", "loss"]]):
        on = cell["plateau"].values.ravel()
        where = ", on the plateau at 1" if (on == 1).all() else ", on the plateau at ½" if (on == 0.5).all() else ""
        stars, loss = (mean_error(cell[name].values) for name in ("dims_per_feature", "loss_relative"))
        yield f"{labels.place(dataset, here, ': ')}D* = {stars}, relative loss {loss}{where}"
