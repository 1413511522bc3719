"""What a function of one model finds in every model of a finished sweep."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.tables import parameters
from superposition_jax.types import Measure

_AT_A_TIME = 8


def each(
    dataset: xr.Dataset, trainer: Trainer, function: Callable[..., dict[str, Any]], measures: Mapping[str, Measure]
) -> xr.Dataset:
    """`measures` of function(seed, hparams, params, spec) by name, on the sweep's axes; NaN where a model is smaller."""
    sweep = dataset["status"]
    flat: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in measures}
    for group in trainer.groups:
        own = {name: values for name, values in parameters(dataset, group).items() if not np.isnan(values).all()}
        one = partial(function, spec=group.spec)
        found = population.over_models(
            one, group.seeds.astype(np.uint32), group.hparams, own, at_a_time=_AT_A_TIME, devices=trainer.devices
        )
        for name, parts in flat.items():
            parts.append((group.points, found[name]))
    return xr.Dataset(
        {
            name: ((*sweep.dims, *dims), _joined(flat[name], sweep.shape), {"long_name": meaning})
            for name, (dims, meaning) in measures.items()
        }
    )


def _joined(parts: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, ...]) -> np.ndarray:
    """Arrays (point, …) of groups in one of the sweep's shape, as large as the largest."""
    sizes = [max(sizes) for sizes in zip(*(values.shape[1:] for _, values in parts), strict=True)]
    whole = np.full((int(np.prod(shape)), *sizes), np.nan, np.float32)
    for points, values in parts:
        whole[(points, *(slice(size) for size in values.shape[1:]))] = values
    return whole.reshape((*shape, *sizes))
