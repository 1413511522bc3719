"""A sweep's dimensions and places in words."""

from collections.abc import Mapping

import numpy as np
import xarray as xr


def spread_widely(values: np.ndarray) -> bool:
    """Whether an axis of these values is to be logarithmic."""
    return bool(values.min() > 0 and values.max() / values.min() >= 20)


def place(dataset: xr.Dataset, here: Mapping[str, int], end: str = "") -> str:
    """A place on the sweep's axes in words, `n_hidden = 5, 1 − S = 0.03`, and what follows it unless it is empty."""
    words = ", ".join(label(dataset, dim, number) for dim, number in here.items())
    return words + end if words else ""


def values(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """Coordinate of a dimension: the density where sparsity or density is the axis."""
    density = dataset.coords.get("density")
    if density is not None and density.dims == (dim,):
        return density
    if dim in dataset.coords:
        return dataset.coords[dim]
    return next((c for c in dataset.coords.values() if c.dims == (dim,)), dataset[dim])


def label(dataset: xr.Dataset, dim: str, place: int | None = None) -> str:
    """Name of a dimension for people, or of one place on it: `1 − S` or `1 − S = 0.03`."""
    coordinate = values(dataset, dim)
    name = {"density": "1 − S"}.get(str(coordinate.name), str(coordinate.name).replace("_", " "))
    if place is None:
        return {"density": "density 1 − S"}.get(str(coordinate.name), name)
    value = coordinate.values[place]
    return f"{name} = {value:.4g}" if np.issubdtype(coordinate.dtype, np.number) else f"{name} = {value}"
