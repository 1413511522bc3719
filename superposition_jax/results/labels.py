"""Words for a sweep's dimensions and for places on them."""

from collections.abc import Mapping

import numpy as np
import xarray as xr


def spread_widely(values: np.ndarray) -> bool:
    """Whether an axis with these values should be logarithmic.

    >>> spread_widely(np.array([0.01, 0.1, 1.0])), spread_widely(np.array([0.0, 0.5, 1.0]))
    (True, False)
    """
    return bool(values.min() > 0 and values.max() / values.min() >= 20)


def place(dataset: xr.Dataset, place: Mapping[str, int], end: str = "") -> str:
    """A place on the sweep's axes in words, as `n_hidden = 5, 1 − S = 0.03`, followed by `end` unless there are no axes."""
    words = ", ".join(label(dataset, dim, number) for dim, number in place.items())
    return words + end if words else ""


def values(dataset: xr.Dataset, dim: str) -> xr.DataArray:
    """The coordinate of a dimension; for an axis over sparsity or density, the density."""
    density = dataset.coords.get("density")
    if density is not None and density.dims == (dim,):
        return density
    if dim in dataset.coords:
        return dataset.coords[dim]
    return next((c for c in dataset.coords.values() if c.dims == (dim,)), dataset[dim])


def label(dataset: xr.Dataset, dim: str, place: int | None = None) -> str:
    """Words for a dimension, `density 1 − S`, or for one place on it, `1 − S = 0.03`."""
    coordinate = values(dataset, dim)
    name = {"density": "1 − S"}.get(str(coordinate.name), str(coordinate.name).replace("_", " "))
    if place is None:
        return {"density": "density 1 − S"}.get(str(coordinate.name), name)
    value = coordinate.values[place]
    return f"{name} = {value:.4g}" if np.issubdtype(coordinate.dtype, np.number) else f"{name} = {value}"
