"""What a user sets and a run would not use is refused: its result would not be what was asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from superposition_jax.config.axes import leaf_of
from superposition_jax.config.compose import conf_dir, flatten, leaves_of
from superposition_jax.config.rules import shown
from superposition_jax.config.schema import LEAVES, without_effect
from superposition_jax.errors import ConfigError
from superposition_jax.sweep import Grid

_SAME = ("name", "tables", "figures")
"""Keys that have the value of sweep.<key> where they are not set themselves."""


def unused(given: Mapping[str, Any], composed: dict[str, Any], grid: Grid) -> dict[str, str]:
    """Why keys change no result, a line for each of them, by key.

    Args:
      given: the keys that a user sets, with their values; null counts as not set.
      composed: the config that they lead to.
      grid: its axes.
    """
    leaves, lines = leaves_of(composed), {}
    values = {path: [value] for path, value in leaves.items()} | {axis.path: axis.values for axis in grid.axes}
    axes = {axis.path: axis.name for axis in grid.axes}
    for key, value in flatten(dict(given)):
        path, why = leaf_of(key, leaves), ""
        if key in axes:
            why = f"sweep.axes.{axes[key]} sets it in every model; leave one out"
        elif path in LEAVES:
            why = without_effect(path, values)
        elif key in [f"sweep.{name}" for name in _SAME if name in given]:
            why = f"{key.removeprefix('sweep.')} is given as well; leave one out"
        if why and value is not None:
            lines[key] = f"{key} = {shown(value)}: {why}"
    return lines


def unused_options(given: Mapping[str, Any]) -> dict[str, str]:
    """The same for `preset`, `sizes` and `starts`, of which Hydra passes over options that do not exist."""
    if "hydra.searchpath" in given:  # a folder of the user's own may have others
        return {}
    options = {group: sorted(file.stem for file in Path(conf_dir(), group).glob("*.yaml")) for group in ("sizes", "starts")}
    for group, known in options.items():
        if given.get(group) not in (None, *known):
            return {group: f"{group}={given[group]}: no such option; known are: {', '.join(known)}"}
    sizes = options["sizes"]
    experiment, preset = given.get("experiment", "none"), given.get("preset", "default")
    if preset == "default" or "sizes" in given or f"{experiment}_{preset}" in sizes:
        return {}
    names = ", ".join(name.removesuffix(f"_{preset}") for name in sizes if name.endswith(f"_{preset}"))
    return {"preset": f"preset={preset}: changes nothing with experiment={experiment}; it is for experiment={names}"}


def refuse(lines: Mapping[str, str]) -> None:
    """Raise ConfigError with the first of the lines, if there are any."""
    for line in lines.values():
        raise ConfigError(line)
