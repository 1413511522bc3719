"""What differs from the defaults: the overrides that train one cell of a sweep by itself."""

import functools
import json
from typing import Any

import xarray as xr

from superposition_jax.config.compose import compose, flatten

_ELSEWHERE = ("name", "figures", "tables", "sweep", "runtime")
"""Keys of the config that decide no model."""


@functools.cache
def _defaults() -> dict[str, Any]:
    return dict(flatten(compose([])))


def overrides(dataset: xr.Dataset, axes: list[str]) -> dict[str, Any]:
    """Values of the keys that differ from the defaults in a run's config, without the keys that are `axes`.

    A list of which an axis sets an entry is there, to put the entry into. So are the values of axes of which it is one place.
    """
    default, own = _defaults(), dict(flatten(json.loads(dataset.attrs["config"])))
    held = {c.attrs["long_name"]: c.item() for c in dataset.coords.values() if not c.dims and "long_name" in c.attrs}
    found = {
        key: value
        for key, value in own.items()
        if key.partition(".")[0] not in _ELSEWHERE
        and not any(key == path or key.startswith(f"{path}.") for path in axes)
        and (value != default.get(key) or any(path.startswith(f"{key}.") for path in (*axes, *held)))
    }
    for path, value in held.items():
        parent, _, entry = path.rpartition(".")
        if isinstance(found.get(parent), list):
            found[parent][int(entry)] = value
        elif path in own:
            found[path] = value
    return found
