"""Turns `sweep.axes` into a grid: checks every axis and spells its values out."""

import re
from typing import Any

import numpy as np

from superposition_jax.config.compose import nearest
from superposition_jax.config.rules import reject
from superposition_jax.config.schema import LEAVES, RUNTIME, without_effect
from superposition_jax.errors import ConfigError
from superposition_jax.experiments.registry import reserved_names
from superposition_jax.results import assemble
from superposition_jax.sweep import Axis, Grid

VALUES = ("values", "range", "linspace", "logspace", "geomspace")
"""Ways to give an axis its values; an axis has exactly one."""
MOST_VALUES, MOST_POINTS = 10**6, 10**7
"""Limits of one axis and of a whole sweep; more would run out of memory."""


def read_axes(axes: Any, leaves: dict[str, Any]) -> Grid:
    """The grid of `sweep.axes`, checked: names, paths, values and zip groups. `leaves` are those of the config."""
    if not isinstance(axes, dict):
        raise reject("sweep.axes", axes, "axes by name, {name: {path: …, values: […]}}")
    scales = tuple(leaves["model.init.scales"] or ())
    grid = Grid(tuple(_axis(str(name), axis, leaves) for name, axis in axes.items() if axis is not None), scales)
    if scales and any(assemble.INIT_SCALE in (axis.name, axis.dim) for axis in grid.axes):
        allowed = "another name with model.init.scales, whose results have this one for the seeds' scales"
        raise reject("sweep.axes", assemble.INIT_SCALE, allowed)
    for axis in grid.axes:
        for other in grid.axes:
            if other is not axis and other.path == axis.path:
                raise ConfigError(f"sweep.axes.{axis.name}.path = {axis.path!r}: is also the path of axis {other.name}")
            if axis.path != other.path and leaf_of(axis.path, leaves) == other.path:
                why = f"axis {other.name} sets the whole of {other.path}"
                raise ConfigError(f"sweep.axes.{axis.name}.path = {axis.path!r}: {why}")
            if other.dim == axis.dim and len(other.values) != len(axis.values):
                why = f"has {len(axis.values)} values, but {other.name} has {len(other.values)}; a zip group has equally many"
                raise ConfigError(f"sweep.axes.{axis.name}.zip = {axis.dim!r}: {why}")
            if other is not axis and axis.dim == other.name and other.dim != axis.dim:
                raise reject(f"sweep.axes.{axis.name}.zip", axis.dim, "a name that is not another axis outside the group")
    values = {path: [value] for path, value in leaves.items()} | {axis.path: axis.values for axis in grid.axes}
    for axis in grid.axes:
        together = list(zip(*(other.values for other in grid.axes if other.dim == axis.dim), strict=True))
        if len(set(together)) < len(together):  # in a zip group a value may stand twice beside others
            twice = axis.values[next(k for k, values in enumerate(together) if together.count(values) > 1)]
            raise ConfigError(f"sweep.axes.{axis.name} ({axis.path}) = {twice!r}: stands twice; give every value once")
        if why := without_effect(leaf_of(axis.path, leaves), values):
            raise ConfigError(f"sweep.axes.{axis.name}.path = {axis.path!r}: {why}")
    if grid.n_points > MOST_POINTS:
        raise reject("sweep.axes", f"{grid.n_points:,} models", f"at most {MOST_POINTS:,} models")
    return grid


def reserved() -> set[str]:
    """Names of results and their dimensions, which no axis may have."""
    known = assemble.variables()
    return {"status", "model", "batch", *reserved_names(), *known, *(dim for measure in known.values() for dim in measure.dims)}


def _refuse_name(key: str, name: Any) -> None:
    """Refuse a dimension's name that is no word, or that a result has."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z]\w*", name) or name in reserved():
        allowed = "a name of letters, digits and _ that no result or dimension has (W, b, loss, feature, hidden, …)"
        raise reject(key, name, allowed)


def _axis(name: str, axis: Any, leaves: dict[str, Any]) -> Axis:
    key = f"sweep.axes.{name}"
    _refuse_name("sweep.axes", name)
    if not isinstance(axis, dict):
        raise reject(key, axis, "{path: …, values: […]}")
    for entry in axis:
        if entry not in ("path", "num", "zip", *VALUES):
            raise ConfigError(f"{key}.{entry}: no such key; known are: path, num, zip, {', '.join(VALUES)}")
    path = axis.get("path")
    rule = LEAVES.get(leaf_of(path, leaves)) if isinstance(path, str) else None
    if rule is None:
        why = "cannot be an axis" if str(path) in RUNTIME else _unknown(str(path), leaves)
        raise ConfigError(f"{key}.path = {path!r}: {why}")
    if name in ("sparsity", "density") and not str(path).startswith(f"data.{name}"):
        raise reject(f"{key}.path", path, f"data.{name} for an axis of this name")
    if axis.get("zip") is not None:
        _refuse_name(f"{key}.zip", axis["zip"])
    read = unchecked(name, axis)
    for value in read.values:
        if isinstance(value, (list, dict)) or value is None:
            raise reject(f"{key} ({path})", value, "a single value, which labels its results")
    rule.require_each(f"{key} ({path})", read.values)
    return read


def unchecked(name: str, axis: dict[str, Any]) -> Axis:
    """An axis of a config as it is written, whatever its path; raises ConfigError if it has no values."""
    values = _axis_values(f"sweep.axes.{name}", {key: value for key, value in axis.items() if value is not None})
    return Axis(name, axis["path"], values, axis.get("zip") or name)


def _unknown(path: str, leaves: dict[str, Any]) -> str:
    parent, _, _ = path.rpartition(".")
    entries = leaves.get(parent)
    if isinstance(entries, list):
        return f"{parent} has the entries 0 to {len(entries) - 1}"
    return f"no such key{nearest(path, [*LEAVES])}"


def leaf_of(path: str, leaves: dict[str, Any]) -> str:
    """The leaf at a path: the path itself, or the list of which it names an entry (`data.importance.list.1`)."""
    parent, _, index = path.rpartition(".")
    entries = leaves.get(parent)
    return parent if isinstance(entries, list) and index in map(str, range(len(entries))) else path


def _axis_values(key: str, axis: dict[str, Any]) -> tuple[Any, ...]:
    kinds = [kind for kind in VALUES if kind in axis]
    if len(kinds) != 1:
        raise ConfigError(f"{key}: has {' and '.join(kinds) or 'no values'}; give exactly one of {', '.join(VALUES)}")
    kind, given = kinds[0], axis[kinds[0]]
    if "num" in axis and kind in ("values", "range"):
        raise ConfigError(f"{key}.num = {axis['num']!r}: goes with linspace, logspace and geomspace, not with {kind}")
    if kind == "values":
        if not isinstance(given, list) or not given:
            raise reject(f"{key}.values", given, "a list with at least one value")
        return tuple(given)
    bounds = given if isinstance(given, list) else [given]
    if not bounds or not all(isinstance(b, (int, float)) and not isinstance(b, bool) and np.isfinite(b) for b in bounds):
        raise reject(f"{key}.{kind}", given, "finite numbers")
    if kind == "range":
        if not all(isinstance(b, int) for b in bounds) or len(bounds) > 3 or (len(bounds) == 3 and bounds[2] == 0):
            raise reject(f"{key}.range", given, "a number of values, or [start, stop] or [start, stop, step] in whole numbers")
        values = range(*bounds)
        if not 0 < len(values) <= MOST_VALUES:
            raise reject(f"{key}.range", given, f"a range of 1 to {MOST_VALUES} values")
        return tuple(values)
    number = axis.get("num")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_VALUES:
        raise reject(f"{key}.num", number, f"the number of values of {kind}, a whole number in [1, {MOST_VALUES}]")
    if len(bounds) != 2 or (kind == "geomspace" and min(bounds) <= 0):
        raise reject(f"{key}.{kind}", given, "[start, stop]" + (", both above 0" if kind == "geomspace" else ""))
    with np.errstate(over="ignore"):
        return tuple(getattr(np, kind)(*map(float, bounds), number).tolist())
