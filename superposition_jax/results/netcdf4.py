"""Datasets in the format netCDF-4, HDF5 with dimension scales, written by h5py.

xarray reads the same from the file as if h5netcdf had written it, which takes ten times as long to describe variables. The format
is an appendix of the NetCDF User's Guide, "NetCDF-4/HDF5 File Format".
"""

from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

import h5py
import numpy as np
import xarray as xr

_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable."
"""Name of the scale of a dimension without a coordinate, before its length."""


def write(dataset: xr.Dataset, content: BinaryIO, compressed: Collection[str]) -> None:
    """Write a Dataset, with the variables of some names compressed."""
    variables, attributes = xr.conventions.cf_encoder(*xr.conventions.encode_dataset_coordinates(dataset))
    properties = f"version=2,h5py={h5py.__version__},hdf5={h5py.version.hdf5_version}"
    with h5py.File(content, "w", track_order=True) as file:
        _write_attributes(file, {"_NCProperties": properties, **attributes})
        stored = {name: _create(file, str(name), variable, name in compressed) for name, variable in variables.items()}
        scales = {}
        for number, (dim, size) in enumerate(dataset.sizes.items()):
            scale = stored[dim] if dim in stored else file.create_dataset(str(dim), (size,), ">f4", track_order=True)
            scale.make_scale(str(dim) if dim in stored else f"{_NO_VARIABLE}{size:10}")
            scale.attrs["_Netcdf4Dimid"] = np.int32(number)
            scales[dim] = scale
        for name in stored.keys() - scales.keys():
            for place, dim in enumerate(variables[name].dims):
                h5py.h5ds.attach_scale(stored[name].id, scales[dim].id, place)


def _create(file: h5py.File, name: str, variable: xr.Variable, is_compressed: bool) -> h5py.Dataset:
    """The HDF5 dataset of an encoded variable."""
    values, attributes = variable.values, dict(variable.attrs)
    if values.dtype.kind in "UO":
        values = values.astype(h5py.string_dtype())
    options: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if is_compressed else {}
    fill = attributes.pop("_FillValue", None)
    stored = file.create_dataset(name, data=values, fillvalue=fill, track_order=True, **options)
    if fill is not None:
        stored.attrs["_FillValue"] = np.atleast_1d(np.asarray(fill, values.dtype))
    _write_attributes(stored, attributes)
    return stored


def _write_attributes(where: h5py.HLObject, attributes: Mapping[Any, Any]) -> None:
    """Write attributes; single numbers are arrays, as netCDF has them."""
    for name, value in attributes.items():
        where.attrs[name] = np.atleast_1d(value) if np.isscalar(value) and not isinstance(value, (str, bytes)) else value
