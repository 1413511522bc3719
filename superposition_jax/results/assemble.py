"""One labelled Dataset from the arrays of groups, on the axes of their sweep."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.core import evaluation, geometry
from superposition_jax.core.model import MODELS
from superposition_jax.errors import ConfigError
from superposition_jax.results.status import STATUS
from superposition_jax.sweep import Grid, Group, scale_of
from superposition_jax.types import PARAMS, Measure

INIT_SCALE = "init_scale"
"""The coordinate of the seeds that has the scale of their initial weights, where the config has several."""


def variables() -> dict[str, Measure]:
    """Dimensions (after the sweep's) and meaning of every result by name."""
    rest = "NaN for other seeds"
    after = "after the snapshot's number of steps"
    return {
        **PARAMS,
        **evaluation.MEASURES,
        **{function.__name__: measure for function, measure in (evaluation.ESTIMATES | geometry.MEASURES).items()},
        "loss_again": Measure((), f"loss of a cell's best seed by other draws, since the least loss reads too low; {rest}"),
        "loss_again_stderr": Measure((), f"standard error of loss_again; {rest}"),
        "loss_curve": Measure(("step",), "training estimate of what is minimised, mean over the steps since the point before"),
        "diverged_at": Measure((), "step whose update was not finite, −1 if there was none"),
        "feature_density": Measure(("feature",), "P(x_i ≠ 0)"),
        "feature_importance": Measure(("feature",), "I_i"),
        **{f"{name}_snapshots": Measure(("snapshot", *param.dims), f"{name} {after}") for name, param in PARAMS.items()},
    }


class Part(NamedTuple):
    """Results of some models of a sweep."""

    points: np.ndarray
    """Flat indices of the models in the sweep, (point,)."""
    arrays: dict[str, np.ndarray]
    """Results by name, (point, …)."""
    steps: dict[str, np.ndarray]
    """Steps of the loss curves and snapshots, by dimension."""

    @classmethod
    def of(cls, group: Group, arrays: dict[str, np.ndarray]) -> "Part":
        """The part that has the results of a whole group."""
        return cls(group.points, arrays, {"step": group.spec.curve_steps, "snapshot": group.spec.snapshot_steps})


def assemble(grid: Grid, parts: Sequence[Part]) -> xr.Dataset:
    """One Dataset of all parts. Where several have a model, the last one counts.

    Results of smaller models are padded with NaN, those of missing models are NaN, and a curve or snapshot is NaN at steps that
    only other models have.
    """
    data, known, status = {}, variables(), np.zeros(grid.n_points, np.int8)
    steps = {dim: np.unique(np.concatenate([p.steps[dim] for p in parts])) for dim in (parts[0].steps if parts else ())}
    for part in parts:
        status[part.points] = np.where(part.arrays["diverged_at"] < 0, STATUS.index("ok"), STATUS.index("diverged"))
    for name in dict.fromkeys(name for part in parts for name in part.arrays):
        measure = known[name]
        arrays = [(part, part.arrays[name]) for part in parts if name in part.arrays]
        sizes = [max(sizes) for sizes in zip(*(array.shape[1:] for _, array in arrays), strict=True)]
        shape = tuple(len(steps.get(dim, range(size))) for dim, size in zip(measure.dims, sizes, strict=True))
        ragged = any(array.shape[1:] != shape for _, array in arrays) or len(arrays) < len(parts) or not status.all()
        dtype = np.result_type(arrays[0][1], np.float32) if ragged else arrays[0][1].dtype
        full = np.full((grid.n_points, *shape), np.nan if ragged else 0, dtype)
        for part, array in arrays:
            places = [
                np.searchsorted(steps[dim], part.steps[dim]) if dim in steps else np.arange(size)
                for dim, size in zip(measure.dims, array.shape[1:], strict=True)
            ]
            full[np.ix_(part.points, *places)] = array
        data[name] = ((*grid.sizes, *measure.dims), grid.unravel(full), {"long_name": measure.meaning})
    meaning = ", ".join(f"{number} {word}" for number, word in enumerate(STATUS))
    data["status"] = (tuple(grid.sizes), grid.unravel(status), {"long_name": meaning})
    dataset = xr.Dataset(data, coords=_coordinates(grid))
    numbers = {dim: np.arange(dataset.sizes[dim]) for dim in ("feature", "hidden") if dim in dataset.sizes}
    return dataset.assign_coords(numbers | {dim: values for dim, values in steps.items() if dim in dataset.sizes})


def in_order(dataset: xr.Dataset, grid: Grid, groups: Sequence[Group]) -> xr.Dataset:
    """A whole run's Dataset in the order in which `assemble` makes it, by its labels, however it has been rearranged.

    Raises:
      ConfigError: if it lacks models, features, hidden dimensions or parameters of the run, or has others.
    """
    expected = {dim: {axis.name: np.asarray(axis.values) for axis in grid.axes if axis.dim == dim} for dim in grid.sizes}
    expected["hidden"] = {"hidden": np.arange(max(group.spec.n_hidden for group in groups))}
    expected["feature"] = {"feature": np.arange(max(group.spec.n_features for group in groups))}
    expected |= {dim: {dim: np.sort(dataset[dim].values)} for dim in ("step", "snapshot") if dim in dataset.dims}
    kinds = {MODELS[group.spec.kind] for group in groups}
    needed = ["status", "loss", *(name for kind in kinds for name in (kind.directions, kind.read_out))]
    if lacking := [name for name in dict.fromkeys(needed) if name not in dataset]:
        raise ConfigError(f"measure: the Dataset has no {', '.join(lacking)}; give a whole run's")
    if other := [str(dim) for dim in dataset["status"].dims if dim not in expected]:
        raise ConfigError(f"measure: the Dataset's run has no axis {', '.join(other)}; of a multirun, measure a job")
    for dim, columns in expected.items():
        coordinates = [dataset.get(name, xr.DataArray(0)) for name in columns]
        given = [*zip(*(c.values.tolist() for c in coordinates if c.dims == (dim,)), strict=True)]
        labels = [*zip(*(values.tolist() for values in columns.values()), strict=True)]
        if len(given) != len(labels) or {*given} != {*labels}:
            some = f"{len({*given} & {*labels})} of {len(labels)} places along {dim}, among {len(given)}"
            raise ConfigError(f"measure: the Dataset has {some}; give a whole run's, in any order")
        if given != labels:
            places = {label: place for place, label in enumerate(given)}
            dataset = dataset.isel({dim: [places[label] for label in labels]})
    known = {name: measure.dims for name, measure in variables().items()}
    ordered = {n: v.transpose(*grid.sizes, *known.get(str(n), [...]), missing_dims="ignore") for n, v in dataset.items()}
    return dataset.assign(ordered)


def _coordinates(grid: Grid) -> dict[str, Any]:
    """The axes' values as configured, with the config leaf as `path`. Where sparsity or density is an axis, the other one is
    a coordinate too, without a path; so is the scale of the initial weights where the seed chooses it."""
    coordinates: dict[str, Any] = {}
    twins = {"data.sparsity": "density", "data.density": "sparsity"}
    for axis in grid.axes:
        values, twin = np.asarray(axis.values), twins.get(axis.path)
        coordinates[axis.name] = (axis.dim, values, {"long_name": axis.path, "path": axis.path})
        if twin and all(other.name != twin for other in grid.axes) and values.dtype.kind in "fiu":
            coordinates[twin] = (axis.dim, 1 - values, {"long_name": f"1 − {axis.path}"})
        if grid.scales and axis.path == "seed" and values.dtype.kind == "i":
            meaning = {"long_name": "scale of the initial weights, one of model.init.scales, by the seed"}
            coordinates[INIT_SCALE] = (axis.dim, scale_of(values, grid.scales), meaning)
    return coordinates
