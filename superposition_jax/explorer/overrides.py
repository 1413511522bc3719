"""The overrides that train one cell of a sweep by itself: the values that differ from the defaults."""

import functools
from typing import Any

import xarray as xr

from superposition_jax.config.compose import compose, flatten
from superposition_jax.results import select

_NOT_OF_MODELS = ("name", "figures", "tables", "sweep", "runtime")
"""Top-level keys of the config that change no model."""


@functools.cache
def _defaults() -> dict[str, Any]:
    return dict(flatten(compose([])))


def overrides(dataset: xr.Dataset, axes: list[str]) -> dict[str, Any]:
    """Values by key where a run's config differs from the defaults, without the keys in `axes`.

    A list with an entry that is an axis is included whole. Where the Dataset is a selection at one value of an axis, that
    value is included.
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
