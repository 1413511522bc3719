"""Results of a function for every model of a run, as arrays (model, …) in the order of the sweep's points."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from superposition_jax.core import model, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import REACHED
from superposition_jax.results import select, status
from superposition_jax.sweep import Group, take
from superposition_jax.types import Hparams, Spec

Arrays = dict[str, np.ndarray]
"""Arrays by name, (model, …) where they are of several models."""
_AT_A_TIME = 512
"""Models of n ≤ 5 in a device's memory together."""


def compiled(dataset: xr.Dataset, trainer: Trainer, function: Callable[..., dict[str, Any]]) -> Arrays:
    """Results of a jittable function(seed, hparams, params, spec=…), by one program for each Spec, on 8 models per device."""

    def of_group(group: Group) -> dict[str, Any]:
        numbers = group.seeds.astype(np.uint32), group.hparams, parameters(dataset, group)
        return population.over_models(partial(function, spec=group.spec), *numbers, at_a_time=8, devices=trainer.devices)

    return of_groups(trainer, of_group)


def on_host(
    dataset: xr.Dataset, trainer: Trainer, function: Callable[[Spec, Hparams, Arrays], dict[str, Any]], *names: str
) -> Arrays:
    """Results in NumPy of function(spec, hparams, variables `names` of one model) for models that are ok, NaN for others."""
    is_ok, results_by_points = dataset["status"].values.ravel() == status.STATUS.index("ok"), []
    for group in trainer.groups:
        arrays = variables(dataset, group, names)
        for k in np.flatnonzero(is_ok[group.points]):
            results = function(group.spec, take(group.hparams, k), {name: values[k] for name, values in arrays.items()})
            results_by_points.append((group.points[[k]], {name: np.asarray(value)[None] for name, value in results.items()}))
    return gather(is_ok.size, results_by_points)


def of_groups(trainer: Trainer, function: Callable[[Group], dict[str, Any]]) -> Arrays:
    """Results of function(group), (model of the group, …), for all groups together."""
    return gather(sum(len(group.points) for group in trainer.groups), [(g.points, function(g)) for g in trainer.groups])


def gather(models: int, results_by_points: Iterable[tuple[np.ndarray, dict[str, Any]]]) -> Arrays:
    """Results that are given with the points of their models, as arrays over all models; NaN where a model has none.

    Arrays of several sizes are padded with NaN to the largest.

    >>> gather(3, [(np.array([2, 0]), {"loss": [0.2, 0.1]})])["loss"].tolist()
    [0.1, nan, 0.2]
    """
    given = [(points, {name: np.asarray(value) for name, value in results.items()}) for points, results in results_by_points]
    gathered = {}
    for name in dict.fromkeys(name for _, results in given for name in results):
        values = [(points, results[name]) for points, results in given]
        shape = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for _, array in values), strict=True))
        dtype = np.result_type(*(array for _, array in values))
        if sum(array.size for _, array in values) < models * np.prod(shape, dtype=int):
            dtype = np.result_type(dtype, np.float32)
        gathered[name] = np.full((models, *shape), np.nan if dtype.kind == "f" else 0, dtype)
        for points, array in values:
            gathered[name][(points, *(slice(size) for size in array.shape[1:]))] = array
    return gathered


def variables(dataset: xr.Dataset, group: Group, names: Iterable[str]) -> Arrays:
    """Variables of a Dataset for a group's models (model, …), without padding of hidden dimensions and features."""
    sizes = {"hidden": slice(group.spec.n_hidden), "feature": slice(group.spec.n_features)}
    return {name: flat(dataset[name].isel(sizes, missing_dims="ignore"), dataset)[group.points] for name in names}


def parameters(dataset: xr.Dataset, group: Group) -> Arrays:
    """The trained parameters of a group's models."""
    names = jax.eval_shape(partial(model.init, spec=group.spec), random.key(0), take(group.hparams, np.array(0)))
    return variables(dataset, group, names)


def flat(values: xr.DataArray, dataset: xr.Dataset) -> np.ndarray:
    """A variable as an array (model, …)."""
    sweep = dataset["status"]
    array = values.transpose(*sweep.dims, ...).values
    return array.reshape(sweep.size, *array.shape[sweep.ndim :])


def reached_best(dataset: xr.Dataset, seed: str | None) -> xr.DataArray:
    """Whether a model's loss is within `REACHED` of the least loss along the seeds' dimension; False where all diverged."""
    loss = dataset["loss"].where(dataset["status"] == status.STATUS.index("ok"), np.inf)
    best = loss if seed is None else loss.min(seed)
    return (loss <= best * (1 + REACHED) + select.floor(dataset)) & np.isfinite(best)


def at_points(trainer: Trainer, points: np.ndarray, function: Callable[..., dict[str, Any]], *trees: Any) -> Arrays:
    """Results (k, …) of `function(hparams, *trees, spec=…)`, which can be jitted, for the models at flat points (k,).

    Each model has its entry of the trees (k, …). There is one program for each Spec.
    """
    results_by_points = []
    for group in trainer.groups:
        order, members = np.argsort(group.points), np.flatnonzero(np.isin(points, group.points))
        if members.size:
            hparams = take(group.hparams, order[np.searchsorted(group.points, points[members], sorter=order)])
            some = jax.tree.map(lambda a, members=members: a[members], trees)
            one = partial(function, spec=group.spec)
            results = population.over_models(one, hparams, *some, at_a_time=_AT_A_TIME, devices=trainer.devices)
            results_by_points.append((members, results))
    return gather(len(points), results_by_points)
