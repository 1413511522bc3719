"""The command that trains one cell of a sweep by itself, from the config that a Dataset remembers."""

import json
from typing import Any

import xarray as xr

from superposition_jax.compose import compose, flatten

_ELSEWHERE = ("name", "figures", "tables", "sweep", "runtime")
"""Keys of the config that decide no model."""


def overrides(dataset: xr.Dataset, paths: list[str]) -> dict[str, Any]:
    """What differs from the defaults in a run's config, as Hydra reads it, by key, without the keys that are axes (`paths`).

    A list of which an axis sets an entry is there as a list of its entries.
    """
    config = json.loads(dataset.attrs["config"])
    default, own = dict(flatten(compose([]))), dict(flatten(config))
    return {
        key: [text(entry) for entry in value] if any(path.startswith(f"{key}.") for path in paths) else text(value)
        for key, value in own.items()
        if key.partition(".")[0] not in _ELSEWHERE
        and not any(key == path or key.startswith(f"{path}.") for path in paths)
        and (value != default.get(key) or any(path.startswith(f"{key}.") for path in paths))
    }


def text(value: Any) -> str:
    """A value as Hydra reads it."""
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(text, value))}]"
    return {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
