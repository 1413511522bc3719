"""Results: groups' arrays on the sweep's labelled axes, as one Dataset, on disk and back."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray as xr

from superposition_jax import evaluation, geometry
from superposition_jax.files import whole
from superposition_jax.sweep import Grid, Group
from superposition_jax.types import PARAMS, Measure

STATUS = ("missing", "ok", "diverged")
"""Meaning of the numbers 0, 1, 2 in `status`."""


def variables() -> dict[str, Measure]:
    """Dimensions (after the sweep's) and meaning of every result."""
    after = "after the snapshot's number of steps"
    return {
        **PARAMS,
        **evaluation.MEASURES,
        **{function.__name__: measure for function, measure in (evaluation.ESTIMATES | geometry.MEASURES).items()},
        "loss_curve": Measure(("step",), "training estimate of what is minimised, mean over the steps since the point before"),
        "diverged_at": Measure((), "step whose update was not finite, −1 if there was none"),
        **{f"{name}_snapshots": Measure(("snapshot", *param.dims), f"{name} {after}") for name, param in PARAMS.items()},
    }


class Part(NamedTuple):
    """Results of some models of a sweep."""

    points: np.ndarray
    """Their flat places in the sweep, (point,)."""
    arrays: dict[str, np.ndarray]
    """By name, (point, …)."""
    steps: dict[str, np.ndarray]
    """The steps at which their curves and snapshots have points, by dimension."""

    @classmethod
    def of(cls, group: Group, arrays: dict[str, np.ndarray]) -> "Part":
        """A group's results."""
        return cls(group.points, arrays, {"step": group.spec.curve_steps, "snapshot": group.spec.snapshot_steps})


def assemble(grid: Grid, parts: Sequence[Part]) -> xr.Dataset:
    """One Dataset of all parts, of which a later one counts: results at their labels, NaN where models are smaller or missing.

    A curve or snapshot has NaN at the steps of others.
    """
    data, known = {}, variables()
    dims = parts[0].steps if parts else ()
    steps = {dim: np.unique(np.concatenate([part.steps[dim] for part in parts])) for dim in dims}
    status = np.zeros(grid.n_points, np.int8)
    for part in parts:
        status[part.points] = np.where(part.arrays["diverged_at"] < 0, STATUS.index("ok"), STATUS.index("diverged"))
    for name in dict.fromkeys(name for part in parts for name in part.arrays):
        measure = known[name]
        own = [(part, part.arrays[name]) for part in parts if name in part.arrays]
        sizes = [max(sizes) for sizes in zip(*(array.shape[1:] for _, array in own), strict=True)]
        shape = tuple(len(steps.get(dim, range(size))) for dim, size in zip(measure.dims, sizes, strict=True))
        ragged = any(array.shape[1:] != shape for _, array in own) or len(own) < len(parts) or not status.all()
        dtype = np.result_type(own[0][1], np.float32) if ragged else own[0][1].dtype
        full = np.full((grid.n_points, *shape), np.nan if ragged else 0, dtype)
        for part, array in own:
            places = [
                np.searchsorted(steps[dim], part.steps[dim]) if dim in steps else np.arange(size)
                for dim, size in zip(measure.dims, array.shape[1:], strict=True)
            ]
            full[np.ix_(part.points, *places)] = array
        data[name] = ((*grid.sizes, *measure.dims), grid.unravel(full), {"long_name": measure.meaning})
    meaning = ", ".join(f"{number} {word}" for number, word in enumerate(STATUS))
    data["status"] = (tuple(grid.sizes), grid.unravel(status), {"long_name": meaning})
    dataset = xr.Dataset(data, coords=_coordinates(grid))
    lengths = dataset.sizes
    dataset = dataset.assign_coords({d: np.arange(lengths[d]) for d in ("feature", "hidden") if d in lengths})
    for dim, values in steps.items():
        if dim in lengths:
            dataset = dataset.assign_coords({dim: values})
    return dataset


def _coordinates(grid: Grid) -> dict[str, Any]:
    """The axes' values as configured; sparsity and density stand both where one is an axis."""
    coordinates: dict[str, Any] = {}
    twins = {"data.sparsity": "density", "data.density": "sparsity"}
    names = [axis.name for axis in grid.axes]
    for axis in grid.axes:
        values = np.asarray(axis.values)
        coordinates[axis.name] = (axis.dim, values, {"long_name": axis.path})
        twin = twins.get(axis.path)
        if twin and twin not in names and values.dtype.kind in "fiu":
            coordinates[twin] = (axis.dim, 1 - values, {"long_name": f"1 − {axis.path}"})
    return coordinates


_MOST_ROWS = 100_000
"""Of metrics.csv: a longer one takes long to write, and nobody reads it."""


def diverged(dataset: xr.Dataset) -> int:
    """How many models have diverged."""
    return int((dataset["status"] == STATUS.index("diverged")).sum())


def without_diverged(dataset: xr.Dataset) -> xr.Dataset:
    """NaN for the numbers of models that diverged: their last finite ones may be of any size."""
    bad = dataset["status"] == STATUS.index("diverged")
    if not bad.any():
        return dataset
    whole = [name for name, values in dataset.data_vars.items() if set(bad.dims) <= set(values.dims)]
    counts = ("represented", "rank", "dead_outputs")
    numbers = [name for name in whole if dataset[name].dtype.kind == "f" or name in counts]
    return dataset.assign({name: dataset[name].where(~bad) for name in numbers})


def save(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Write results.nc and, up to 100,000 models, metrics.csv, each whole or not at all; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    packed = {
        name: {"zlib": True, "complevel": 1, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.size > 1 and variable.dtype.kind in "fiu"
    }
    small = sum(variable.size for variable in dataset.variables.values()) < _SMALL
    parts = {
        "results.nc": lambda path: (
            _write_small(dataset, path) if small else dataset.to_netcdf(path, engine="h5netcdf", encoding=packed)
        ),
        "metrics.csv": lambda path: _write_metrics(dataset, path),
    }
    if dataset["status"].size > _MOST_ROWS:
        del parts["metrics.csv"]
        (folder / "metrics.csv").unlink(missing_ok=True)  # an earlier run's
    return [whole(folder / name, write) for name, write in parts.items()]


_SMALL = 10_000
"""Numbers of a Dataset that is written from the bytes of another of its form: most of the time would go into describing it."""
_forms: dict[str, tuple[bytes, dict[str, int]]] = {}
"""The file of every form, and where in it the numbers of each variable are."""


def _write_small(dataset: xr.Dataset, path: Path) -> None:
    """Write results.nc; where one of the same form has been written, only the numbers and the attributes are new."""
    variables = {str(name): variable for name, variable in dataset.variables.items()}
    form = repr([(name, v.dims, v.shape, v.dtype.str, v.attrs) for name, v in variables.items()] + [*dataset.attrs])
    if any(v.dtype.kind not in "fiu" for v in variables.values()) or form not in _forms:
        dataset.to_netcdf(path, engine="h5netcdf")
        with h5py.File(path) as file:
            places = {name: file[name].id.get_offset() for name in variables}
        if None not in places.values():
            _forms[form] = path.read_bytes(), places
        return
    content, places = _forms[form]
    with open(path, "wb") as raw:
        raw.write(content)
        for name, variable in variables.items():
            raw.seek(places[name])
            raw.write(variable.values.tobytes())
    with h5py.File(path, "r+") as file:
        for name, value in dataset.attrs.items():
            file.attrs[name] = value


def columns(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Every model's coordinates, then every result that is a single number, (model,) each; the status in words."""
    dims = list(dataset["status"].dims)
    scalars = {name: v for name, v in dataset.data_vars.items() if v.dims == tuple(dims)}
    labels = {name: c.broadcast_like(dataset["status"]) for name, c in dataset.coords.items() if set(c.dims) <= set(dims)}
    columns = {str(name): np.ravel(value.transpose(*dims).values) for name, value in {**labels, **scalars}.items()}
    columns["status"] = np.asarray(STATUS)[columns["status"]]
    return columns


def _write_metrics(dataset: xr.Dataset, path: Path) -> None:
    """One row a model."""
    table = columns(dataset)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))


def load(path: str | Path) -> xr.Dataset:
    """The Dataset of a run, from its folder or its results.nc, in memory.

    Raises:
      FileNotFoundError: if there is no results.nc.
    """
    path = Path(path)
    file = path / "results.nc" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; give the folder of a run, outputs/<name>/<time>")
    return xr.load_dataset(file, engine="h5netcdf")
