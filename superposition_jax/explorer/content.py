"""The content of a page as plain values, from a Dataset."""

import functools
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.config.compose import compose, flatten
from superposition_jax.explorer.arrays import Arrays, pack
from superposition_jax.explorer.fitting import fit
from superposition_jax.results import labels, select

MOST_BYTES = 20_000_000
"""Default limit of the arrays in a page."""


def content(dataset: xr.Dataset, most: int = MOST_BYTES) -> dict[str, Any]:
    """All that a page shows of a Dataset, with arrays of at most `most` bytes."""
    page, left_out, every = fit(dataset, Arrays.of(dataset), most)
    dataset = dataset.isel({dim: slice(None, None, step) for dim, step in every.items()})
    axes = [_axis(dataset, str(dim)) for dim in dataset["loss"].dims]
    return {
        "name": dataset.attrs.get("name", ""),
        "held": [
            f"{name} = {c.item():.4g}" if c.dtype.kind == "f" else f"{name} = {c.item()}"
            for name, c in dataset.coords.items()
            if not c.dims and "long_name" in c.attrs
        ],
        "axes": axes,
        "seed": select.seed_dim(dataset),
        "left_out": left_out,
        "measures": [
            {"name": name, **_meaning(dataset.get(name, arrays["best"])), "values": {key: pack(a) for key, a in arrays.items()}}
            for name, arrays in page.measures.items()
        ],
        "models": {name: pack(values) for name, values in page.models.items()},
        "steps": {dim: dataset[dim].values.tolist() for dim in ("step", "snapshot") if dim in dataset.dims},
        "overrides": overrides(dataset, [c["path"] for axis in axes for c in axis["coordinates"]]),
        "findings": select.findings(dataset),
    }


def _axis(dataset: xr.Dataset, dim: str) -> dict[str, Any]:
    """A dimension of the sweep: its name, values and scale, and the leaves of the config that vary along it."""
    coordinate = labels.values(dataset, dim)
    values = coordinate.values
    coordinates = select.paths(dataset, dim)
    names = [str(c.name) for c in coordinates.values()]
    return {
        "dim": dim,
        "name": labels.label(dataset, dim) if len(names) < 2 else ", ".join(names),
        "values": values.tolist(),
        "scale": layout(values),
        "falling": coordinate.name == "density",
        "coordinates": [{"name": str(c.name), "path": path, "values": c.values.tolist()} for path, c in coordinates.items()],
    }


def layout(values: np.ndarray) -> str:
    """Scale of an axis, linear or log; band, with places of equal width, unless it has numbers that leave all of them room."""
    if values.dtype.kind not in "fiu" or not len(set(values.tolist())) == len(values) > 1:
        return "band"
    if labels.spread_widely(values):
        return "log"
    gaps = np.diff(np.sort(values))  # a cell of less than 2 % of the axis would be too narrow to point at
    return "linear" if gaps.min() >= 0.02 * gaps.sum() or len(gaps) * gaps.min() > 0.5 * gaps.sum() else "band"


def _meaning(values: xr.DataArray) -> dict[str, Any]:
    """A measure's meaning, whether it is of features, and its classes if it has some."""
    described: dict[str, Any] = {"meaning": values.attrs.get("long_name", ""), "feature": "feature" in values.dims}
    if "flag_values" in values.attrs:
        words = [word.replace("_", " ") for word in values.attrs["flag_meanings"].split()]
        described["classes"] = dict(zip(map(int, values.attrs["flag_values"]), words, strict=True))
    elif values.dtype.kind == "b":
        described["classes"] = {0: "no", 1: "yes"}
    return described


_NOT_OF_MODELS = ("name", "figures", "tables", "sweep", "runtime")
"""Top-level keys of the config that change no model."""


@functools.cache
def _defaults() -> dict[str, Any]:
    return dict(flatten(compose([])))


def overrides(dataset: xr.Dataset, axes: list[str]) -> dict[str, Any]:
    """What to set, by key, for the models of a Dataset: where its config differs from the defaults, or a value was selected.

    Keys in `axes` are left out, but a list of which an entry is an axis is given whole.
    """
    default, configured = _defaults(), dict(flatten(select.config(dataset)))
    selected = {c.attrs["path"]: c.item() for c in dataset.coords.values() if not c.dims and "path" in c.attrs}
    changed = {
        key: value
        for key, value in configured.items()
        if key.partition(".")[0] not in _NOT_OF_MODELS
        and not any(key == path or key.startswith(f"{path}.") for path in axes)
        and (value != default.get(key) or any(path.startswith(f"{key}.") for path in (*axes, *selected)))
    }
    for path, value in selected.items():
        parent, _, entry = path.rpartition(".")
        if isinstance(changed.get(parent), list):
            changed[parent][int(entry)] = value
        elif path in configured:
            changed[path] = value
    return changed
