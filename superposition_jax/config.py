"""From config to numbers: check every value, and turn the config into a sweep: groups of equal Spec.

Nothing below this module sees a config.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from superposition_jax import engine, evaluation, figures
from superposition_jax.compose import compose, flatten, nearest
from superposition_jax.errors import ConfigError
from superposition_jax.schema import IMPORTANCES, LEAVES, RUNTIME, Number, reject
from superposition_jax.sweep import Axis, Grid, Group, merge
from superposition_jax.types import Hparams, Spec

AXIS_KEYS = ("values", "range", "linspace", "logspace", "geomspace")
RESERVED = ("feature", "hidden", "step", "snapshot", "model", "batch")


class Experiment(NamedTuple):
    """A checked config, ready to run."""

    name: str
    grid: Grid
    groups: list[Group]
    figures: list[str]
    devices: int | None
    chunk: int | None
    config: dict[str, Any]
    """The config itself, resolved, for the record."""


def load(overrides: Sequence[str], config_name: str = "config") -> Experiment:
    """The experiment that Hydra overrides describe, checked.

    Raises:
      ConfigError: with one line that names the key, the value and what is allowed.
    """
    return read(compose(overrides, config_name))


def read(config: dict[str, Any]) -> Experiment:
    """Check a composed config and turn it into an `Experiment`; raises ConfigError like `load`."""
    leaves = dict(flatten({key: value for key, value in config.items() if key != "sweep"}))
    for key, rule in (LEAVES | RUNTIME).items():
        if key not in leaves:
            raise ConfigError(f"{key}: is missing")
        rule.check(key, leaves[key])
    for key in leaves:
        if key not in LEAVES and key not in RUNTIME and key not in ("name", "figures"):
            raise ConfigError(f"{key}: no such key{nearest(key, [*LEAVES, *RUNTIME])}")
    name, drawn = config["name"], config["figures"]
    if not re.fullmatch(r"\w[\w.+-]*", str(name)):
        raise reject("name", name, "a folder name of letters, digits and . _ + -")
    for figure in drawn if isinstance(drawn, list) else [drawn]:
        if figure not in figures.FIGURES:
            raise reject("figures", figure, "a list of names among " + ", ".join(figures.FIGURES))
    grid = _grid(config["sweep"].get("axes") or {}, leaves)
    groups = merge(list(_groups(grid, leaves)))
    return Experiment(str(name), grid, groups, drawn, leaves["runtime.devices"], leaves["runtime.chunk"], config)


# ---------------------------------------------------------------------------------------------------------- axes


def _grid(axes: Any, leaves: dict[str, Any]) -> Grid:
    """The sweep's axes, checked: names, paths, values and zip groups."""
    if not isinstance(axes, dict):
        raise reject("sweep.axes", axes, "axes by name, {name: {path: …, values: […]}}")
    grid = Grid(tuple(_axis(str(name), axis, leaves) for name, axis in axes.items() if axis is not None))
    for axis in grid.axes:
        for other in grid.axes:
            if other is not axis and other.path == axis.path:
                raise ConfigError(f"sweep.axes.{axis.name}.path = {axis.path!r}: is also the path of axis {other.name}")
            if other.dim == axis.dim and len(other.values) != len(axis.values):
                raise ConfigError(
                    f"sweep.axes.{axis.name}.zip = {axis.dim!r}: has {len(axis.values)} values, but {other.name} has "
                    f"{len(other.values)}; axes of one zip group must have equally many"
                )
            if other is not axis and axis.dim == other.name and other.dim != axis.dim:
                raise reject(f"sweep.axes.{axis.name}.zip", axis.dim, "a name that is not another axis outside the group")
    return grid


def _axis(name: str, axis: Any, leaves: dict[str, Any]) -> Axis:
    key = f"sweep.axes.{name}"
    if not re.fullmatch(r"[A-Za-z]\w*", name) or name in RESERVED:
        raise reject("sweep.axes", name, f"a name of letters, digits and _ that is not {', '.join(RESERVED)}")
    if not isinstance(axis, dict):
        raise reject(key, axis, "{path: …, values: […]}")
    for entry in axis:
        if entry not in ("path", "num", "zip", *AXIS_KEYS):
            raise ConfigError(f"{key}.{entry}: no such key; there are: path, num, zip, {', '.join(AXIS_KEYS)}")
    path = axis.get("path")
    rule = LEAVES.get(_parent(str(path), leaves))
    if rule is None:
        raise ConfigError(f"{key}.path = {path!r}: no such key{nearest(str(path), [*LEAVES])}")
    values = _axis_values(key, {k: v for k, v in axis.items() if v is not None})
    for value in values:
        if isinstance(value, (list, dict)) or value is None:
            raise reject(f"{key} ({path})", value, "a single value, which labels its results")
    rule.check_each(f"{key} ({path})", values)
    if len(set(values)) < len(values):
        twice = next(v for v in values if values.count(v) > 1)
        raise ConfigError(f"{key} ({path}) = {twice!r}: stands twice; every value must be there once")
    return Axis(name, path, values, str(axis.get("zip") or name))


def _parent(path: str, leaves: dict[str, Any]) -> str:
    """The leaf that a path means: itself, or the list of which it is an entry (`data.importance.list.1`)."""
    parent, _, index = path.rpartition(".")
    entries = leaves.get(parent)
    return parent if isinstance(entries, list) and index.isdecimal() and int(index) < len(entries) else path


def _axis_values(key: str, axis: dict[str, Any]) -> tuple[Any, ...]:
    kinds = [kind for kind in AXIS_KEYS if kind in axis]
    if len(kinds) != 1:
        raise ConfigError(f"{key}: has {' and '.join(kinds) or 'no values'}; give exactly one of {', '.join(AXIS_KEYS)}")
    kind, given = kinds[0], axis[kinds[0]]
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
        if not 0 < len(values) <= 10**8:
            raise reject(f"{key}.range", given, "a range with at least one value")
        return tuple(values)
    number = axis.get("num")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 10**8:
        raise reject(f"{key}.num", number, f"the number of values of {kind}, a whole number ≥ 1")
    if len(bounds) != 2 or (kind == "geomspace" and min(bounds) <= 0):
        raise reject(f"{key}.{kind}", given, "[start, stop]" + (", both above 0" if kind == "geomspace" else ""))
    return tuple(getattr(np, kind)(*map(float, bounds), number).tolist())


# -------------------------------------------------------------------------------------------------------- groups


def _groups(grid: Grid, leaves: dict[str, Any]) -> Iterator[Group]:
    """One group for every combination of the values that are compiled in."""
    static = [axis for axis in grid.axes if not isinstance(LEAVES[_parent(axis.path, leaves)], Number)]
    numeric = [axis for axis in grid.axes if axis not in static]
    codes = np.stack([grid.codes(axis) for axis in static] + [np.zeros(grid.n_points, int)], axis=1)
    combinations, member = np.unique(codes, axis=0, return_inverse=True)
    for number, combination in enumerate(combinations):
        points = np.flatnonzero(member.ravel() == number)
        here = leaves | {axis.path: axis.values[code] for axis, code in zip(static, combination, strict=False)}
        columns = {axis.path: np.asarray(axis.values)[grid.codes(axis)[points]] for axis in numeric}
        yield Group(_spec(here), _hparams(here, columns, len(points)), _seeds(here, columns, len(points)), points)


def _spec(leaves: dict[str, Any]) -> Spec:
    n, batch = leaves["model.n_features"], leaves["train.batch_size"]
    spec = Spec(
        n_features=n,
        n_hidden=leaves["model.n_hidden"],
        activation=leaves["model.activation"],
        bias=leaves["model.bias"],
        init=leaves["model.init.kind"],
        init_models=leaves["model.init.models"] if leaves["model.init.kind"] == "notebook" else 1,
        law=leaves["data.values.law"],
        estimator=leaves["train.estimator"],
        batch_size=batch or int(np.clip(2 ** np.ceil(np.log2(6 * n)), 32, 256)),
        order=leaves["train.order"],
        steps=leaves["train.steps"],
        optimizer=leaves["train.optimizer"],
        schedule=leaves["train.schedule.kind"],
        reduction=leaves["train.reduction"],
        curve_points=leaves["train.curve_points"],
        snapshots=leaves["train.snapshots"],
    )
    if spec.estimator == "quadrature" and n > evaluation.QUADRATURE_FEATURES:
        raise ConfigError(
            f"train.estimator = 'quadrature': takes (order + 1)^n points, so model.n_features must be ≤ "
            f"{evaluation.QUADRATURE_FEATURES}, not {n}"
        )
    needed, there = engine.model_bytes(spec), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        size = "train.order" if spec.estimator == "quadrature" else "train.batch_size"
        value = spec.order if spec.estimator == "quadrature" else spec.batch_size
        raise ConfigError(
            f"{size} = {value}: one model with {n} features needs about {needed / 2**30:.3g} GiB, "
            f"this machine has {there / 2**30:.3g} GiB"
        )
    return spec


def _seeds(leaves: dict[str, Any], columns: dict[str, np.ndarray], points: int) -> np.ndarray:
    return columns.get("seed", np.full(points, leaves["seed"])).astype(np.int64)


def _hparams(leaves: dict[str, Any], columns: dict[str, np.ndarray], points: int) -> Hparams:
    """The numbers of many points at once; float64 until the end, so that 1 − S keeps its digits."""
    n = leaves["model.n_features"]

    def number(path: str) -> np.ndarray:
        """A leaf as (point or 1, feature or 1)."""
        entries = {int(p.rpartition(".")[2]): c for p, c in columns.items() if p.startswith(path + ".")}
        value = columns[path][:, None] if path in columns else np.atleast_1d(np.asarray(leaves[path], np.float64))[None]
        if entries:
            value = np.repeat(value, points, axis=0)
            for place, column in entries.items():
                value[:, place] = column
        return value

    def features(path: str) -> np.ndarray:
        value = number(path)
        if isinstance(leaves[path], list) and value.shape[1] != n:
            raise reject(path, leaves[path], f"a list of {n} numbers, one per feature, not {value.shape[1]}")
        return value

    def given(path: str) -> bool:
        return leaves[path] is not None or path in columns

    if given("data.sparsity") and given("data.density"):
        raise ConfigError(
            f"data.density = {leaves['data.density'] or 'an axis'}: data.sparsity = {leaves['data.sparsity'] or 'an axis'} is "
            "given as well; give one of them and set the other to null"
        )
    if given("data.sparsity"):
        density = 1 - features("data.sparsity")
    else:
        density = features("data.density") if given("data.density") else np.ones((1, 1))

    kind = leaves["data.importance.kind"]
    if kind == "list":
        if not given("data.importance.list"):
            raise reject("data.importance.list", None, f"a list of {n} numbers, one per feature, when kind is list")
        importance = features("data.importance.list")
    else:
        importance = IMPORTANCES[kind](np.arange(n)[None], n, number("data.importance.decay"))
        if importance.min() < 0:
            raise reject("data.importance.decay", number("data.importance.decay").max(), "≤ n/(n−1) when kind is linear")

    def each(path: str) -> np.ndarray:
        return np.broadcast_to(number(path)[:, 0], points).astype(np.float32)

    return Hparams(
        density=np.broadcast_to(density, (points, n)).astype(np.float32),
        importance=np.broadcast_to(importance, (points, n)).astype(np.float32),
        value_exponent=each("data.values.exponent"),
        init_scale=each("model.init.scale"),
        init_bias=each("model.init.bias"),
        learning_rate=each("train.learning_rate"),
        weight_decay=each("train.weight_decay"),
        momentum=each("train.momentum"),
        b1=each("train.b1"),
        b2=each("train.b2"),
        eps=each("train.eps"),
        warmup=each("train.schedule.warmup"),
        final_rate=each("train.schedule.final"),
    )
