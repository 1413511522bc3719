"""results.nc and metrics.csv: a Dataset on disk and back."""

import csv
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from superposition_jax.files import whole
from superposition_jax.results.status import STATUS

_MOST_ROWS = 100_000
"""Of metrics.csv: a longer one takes long to write, and nobody reads it."""


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
    return _with_paths(xr.load_dataset(file, engine="h5netcdf"))


def _with_paths(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset whose axes have a `path`: files of older versions have it as `long_name` only."""
    dims = dataset["status"].dims if "status" in dataset else ()
    for coordinate in dataset.coords.values():
        path = coordinate.attrs.get("long_name")
        if path and set(coordinate.dims) <= set(dims) and not path.startswith("1 − "):
            coordinate.attrs.setdefault("path", path)
    return dataset
