"""A Dataset as results.nc and metrics.csv: written, and loaded again."""

import csv
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from superposition_jax.errors import one_line
from superposition_jax.files import whole
from superposition_jax.results import netcdf4
from superposition_jax.results.status import STATUS

_MOST_ROWS = 100_000
"""Most rows of metrics.csv: a longer file would take long to write, and nobody would read it."""


def save(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Write results.nc and, for up to 100,000 models, metrics.csv, each completely or not at all. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [_save(_sealed(_netcdf(dataset)), folder / "results.nc")]
    if dataset["status"].size <= _MOST_ROWS:
        files.append(_save(_metrics(dataset), folder / "metrics.csv"))
    return files


def _save(content: bytes, file: Path) -> Path:
    return whole(file, lambda path: path.write_bytes(content))


_SEAL = b"\nsha256 of all bytes above: "
"""What stands before the digest at the end of results.nc. Other tools open the file as well: HDF5 reads as far as it has written,
and drops what follows when it changes the file."""


def _sealed(content: memoryview) -> bytes:
    return b"".join([content, _SEAL, hashlib.sha256(content).hexdigest().encode(), b"\n"])


def _has_its_digest(file: Path) -> bool:
    """Whether a file that ends with a digest has that one. HDF5 may read wrong numbers from a damaged one, or never return."""
    content = memoryview(file.read_bytes())
    end = len(content) - len(_sealed(content[:0]))
    return content[max(end, 0) :][: len(_SEAL)] != _SEAL or _sealed(content[:end]) == content


_SMALL = 10_000
"""Numbers in a Dataset below which its file is made from that of another one with the same variables: HDF5 takes 7 ms to
describe variables and 1 ms to change their numbers, and a multirun saves a file for every job."""
_templates: dict[str, tuple[bytes, dict[str, int]]] = {}
"""A file's content and the offsets of its variables' numbers, by what describes the variables."""


def _netcdf(dataset: xr.Dataset) -> memoryview:
    """The content of results.nc, made in memory: HDF5 can crash where a disk is full.

    Where a template has the same variables, only their numbers and the Dataset's attributes are written.
    """
    content, variables = io.BytesIO(), {str(name): variable for name, variable in dataset.variables.items()}
    if sum(variable.size for variable in variables.values()) >= _SMALL:
        several = [name for name, variable in variables.items() if variable.size > 1 and variable.dtype.kind in "fiu"]
        netcdf4.write(dataset, content, compressed=several)
        return content.getbuffer()
    description = repr([(name, v.dims, v.shape, v.dtype.str, v.attrs) for name, v in variables.items()] + [*dataset.attrs])
    if any(v.dtype.kind not in "fiu" for v in variables.values()) or description not in _templates:
        netcdf4.write(dataset, content, compressed=())
        with h5py.File(content) as file:
            offsets = {name: file[name].id.get_offset() for name in variables}
        if None not in offsets.values():
            _templates[description] = content.getvalue(), offsets
        return content.getbuffer()
    template, offsets = _templates[description]
    content.write(template)
    for name, variable in variables.items():
        content.seek(offsets[name])
        content.write(variable.values.tobytes())
    with h5py.File(content, "r+") as file:
        for name, value in dataset.attrs.items():
            file.attrs[name] = value
    return content.getbuffer()


def columns(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Columns (model,) of metrics.csv by name: coordinates, results that are single numbers, and the status in words."""
    dims = list(dataset["status"].dims)
    scalars = {name: v for name, v in dataset.data_vars.items() if v.dims == tuple(dims)}
    labels = {name: c.broadcast_like(dataset["status"]) for name, c in dataset.coords.items() if set(c.dims) <= set(dims)}
    columns = {str(name): np.ravel(value.transpose(*dims).values) for name, value in {**labels, **scalars}.items()}
    columns["status"] = np.asarray(STATUS)[columns["status"]]
    return columns


def _metrics(dataset: xr.Dataset) -> bytes:
    """The content of metrics.csv, a row for every model."""
    table, text = columns(dataset), io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table)
    writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
    return text.getvalue().encode()


def load(path: str | Path, names: Sequence[str] | None = None, *, is_whole: bool = False) -> xr.Dataset:
    """The Dataset of a run from its folder or its results.nc, in memory: all of it, or those variables of some names that
    it has. `is_whole`: whether its digest is known to be right.

    Raises:
      FileNotFoundError: if there is no results.nc.
      OSError: if it is damaged.
    """
    file = file_of(Path(path))
    if not is_whole and not _has_its_digest(file):
        raise OSError(f"{file}: is damaged: it does not have the digest with which it ends")
    try:
        with h5py.File(file) as probed:
            dict(probed.attrs)  # where these are damaged, h5netcdf could not even close the file
        with xr.open_dataset(file, engine="h5netcdf") as stored:
            return updated((stored if names is None else stored[[name for name in names if name in stored]]).load())
    except Exception as error:  # damaged bytes lead h5py, h5netcdf and xarray to raise anything
        raise OSError(f"{file}: is damaged, or cannot be read: {one_line(error)}") from error


def file_of(path: Path) -> Path:
    """The results.nc of a run's folder, or the file itself; raises FileNotFoundError if there is none."""
    file = path / "results.nc" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; give the folder of a run, outputs/<name>/<time>")
    return file


_RENAMED = {"kept": "on_level", "aligned_above": "less_aligned_rotations"}


def updated(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset of any earlier version as this one names it: with a `path` on its axes, and its variables and their names."""
    dataset = dataset.rename({old: new for old, new in _RENAMED.items() if old in dataset and new not in dataset})
    were_attributes = [name for name in ("crossing", "crossing_error") if name in dataset.attrs and name not in dataset]
    dataset = dataset.assign({name: dataset.attrs[name] for name in were_attributes})
    dims = dataset["status"].dims if "status" in dataset else ()
    for coordinate in dataset.coords.values():
        path = coordinate.attrs.get("long_name")
        if path and set(coordinate.dims) <= set(dims) and " " not in path:
            coordinate.attrs.setdefault("path", path)
    return dataset
