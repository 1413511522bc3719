"""What a function gives for every model of a run, as arrays (model, …) in the order of the sweep's points."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from superposition_jax.core import model, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.results.status import STATUS
from superposition_jax.sweep import Group, take
from superposition_jax.types import Hparams, Spec

Arrays = dict[str, np.ndarray]
"""By name, (model, …)."""
_AT_A_TIME = 8


def compiled(dataset: xr.Dataset, trainer: Trainer, function: Callable[..., dict[str, Any]]) -> Arrays:
    """Results of function(seed, hparams, params, spec=…), computed in one program for each Spec."""

    def of_group(group: Group) -> dict[str, Any]:
        numbers = group.seeds.astype(np.uint32), group.hparams, parameters(dataset, group)
        one = partial(function, spec=group.spec)
        return population.over_models(one, *numbers, at_a_time=_AT_A_TIME, devices=trainer.devices)

    return of_groups(trainer, of_group)


def on_host(
    dataset: xr.Dataset, trainer: Trainer, function: Callable[[Spec, Hparams, Arrays], dict[str, Any]], *names: str
) -> Arrays:
    """Results of function(spec, hparams, arrays) in NumPy, where arrays are those results of the model that `names` lists.

    It is called for every model that is ok; the results of others are NaN.
    """
    ok, pieces = dataset["status"].values.ravel() == STATUS.index("ok"), []
    for group in trainer.groups:
        arrays = variables(dataset, group, names)
        for k in np.flatnonzero(ok[group.points]):
            results = function(group.spec, take(group.hparams, k), {name: values[k] for name, values in arrays.items()})
            pieces.append((group.points[[k]], {name: np.asarray(value)[None] for name, value in results.items()}))
    return gather(ok.size, pieces)


def of_groups(trainer: Trainer, function: Callable[[Group], dict[str, Any]]) -> Arrays:
    """Results of function(group), which are (model of the group, …), for all groups."""
    return gather(sum(len(group.points) for group in trainer.groups), [(g.points, function(g)) for g in trainer.groups])


def gather(models: int, pieces: Iterable[tuple[np.ndarray, dict[str, Any]]]) -> Arrays:
    """Results of some points each as arrays over all models, as large as the largest; NaN where a model has none."""
    pieces = [(points, {name: np.asarray(value) for name, value in results.items()}) for points, results in pieces]
    whole = {}
    for name in dict.fromkeys(name for _, results in pieces for name in results):
        shape = tuple(max(sizes) for sizes in zip(*(results[name].shape[1:] for _, results in pieces), strict=True))
        dtype = np.result_type(*(results[name] for _, results in pieces))
        if sum(results[name].size for _, results in pieces) < models * np.prod(shape, dtype=int):
            dtype = np.result_type(dtype, np.float32)
        whole[name] = np.full((models, *shape), np.nan if dtype.kind == "f" else 0, dtype)
        for points, results in pieces:
            whole[name][(points, *(slice(size) for size in results[name].shape[1:]))] = results[name]
    return whole


def variables(dataset: xr.Dataset, group: Group, names: Iterable[str]) -> Arrays:
    """Variables of a Dataset for a group's models (model, …), cut to the group's sizes."""
    models, sizes = dataset["status"].dims, {"hidden": group.spec.n_hidden, "feature": group.spec.n_features}
    arrays = {}
    for name in names:
        values = dataset[name].transpose(*models, ...)
        values = values.isel({dim: slice(size) for dim, size in sizes.items() if dim in values.dims})
        arrays[name] = values.values.reshape(-1, *values.shape[len(models) :])[group.points]
    return arrays


def parameters(dataset: xr.Dataset, group: Group) -> Arrays:
    """A group's trained arrays."""
    names = jax.eval_shape(partial(model.init, spec=group.spec), random.key(0), take(group.hparams, np.array(0)))
    return variables(dataset, group, names)


def flat(values: xr.DataArray, dataset: xr.Dataset) -> np.ndarray:
    """A variable as (model, …), the sweep's dimensions made one."""
    models = dataset["status"]
    rows = values.transpose(*models.dims, ...).values
    return rows.reshape(models.size, *rows.shape[models.ndim :])


def train_on(trainer: Trainer, points: np.ndarray, start: Arrays, names: Sequence[str]) -> Arrays:
    """Some results (k, …) of models at flat points (k,) that are trained on from the parameters `start`."""
    trained = trainer.retrain(points, start)
    order = np.argsort(np.concatenate([places for places, _, _ in trained]))
    return {name: np.concatenate([results[name] for _, _, results in trained])[order] for name in names}
