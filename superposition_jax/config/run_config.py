"""Checks a composed config and turns it into a sweep: groups of equal Spec. No package that it imports sees a config."""

import importlib
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from superposition_jax.config.axes import leaf_of, read_axes
from superposition_jax.config.compose import compose, leaves_of, refuse_unknown, settings
from superposition_jax.config.leaves import read_hparams, read_spec
from superposition_jax.config.rules import Number, reject
from superposition_jax.config.schema import LEAVES, RUNTIME
from superposition_jax.config.unused import refuse, unused, unused_options
from superposition_jax.errors import ConfigError, one_line
from superposition_jax.experiments.registry import FIGURES, TABLES, refuse_unmet_needs
from superposition_jax.results import trackers
from superposition_jax.sweep import Grid, Group, merge

_SWEEP_KEYS = ("name", "axes", "repair", "tables", "figures")


class RunConfig(NamedTuple):
    """A checked config, ready to run."""

    name: str
    grid: Grid
    repair: bool
    groups: list[Group]
    tables: list[str]
    figures: list[str]
    devices: int | None
    chunk: int | None
    keep_programs: bool
    shard: str | None
    distributed: bool
    save_every: float
    overwrite: bool
    tracker: str | None
    composed: dict[str, Any]
    """What Hydra composed, resolved: what manifests record."""


def load(overrides: Sequence[str], config_name: str = "config") -> RunConfig:
    """The config that Hydra overrides describe, checked; raises ConfigError, a line with the key, the value and what is allowed.

    >>> config = load(["sweep=sparsity", "model.n_hidden=2"])
    >>> config.grid.sizes, config.groups[0].spec.n_hidden, config.groups[0].hparams.density.shape
    ({'sparsity': 7, 'seed': 8}, 2, (56, 20))
    """
    composed = compose(overrides, config_name)
    given = settings(overrides)
    refuse(unused_options(given))
    config = read(composed)
    refuse(unused(given, composed, config.grid))
    return config


def read(composed: dict[str, Any]) -> RunConfig:
    """Check a composed config and turn it into a `RunConfig`; raises ConfigError like `load`."""
    import_modules(composed.get("imports"))
    leaves = {key: None for key, rule in (LEAVES | RUNTIME).items() if rule.optional}  # earlier versions have fewer
    leaves |= leaves_of(composed)
    for key, rule in (LEAVES | RUNTIME).items():
        if key not in leaves:
            raise ConfigError(f"{key}: is missing")
        rule.require(key, leaves[key])
    refuse_unknown(leaves, ["name", "imports", "tables", "figures", *LEAVES, *RUNTIME])
    name, sweep = composed.get("name"), composed.get("sweep")
    made: Any = composed.get("tables")
    drawn: Any = composed.get("figures")
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.+-]*", name) or len(os.fsencode(name)) > 255:
        raise reject("name", name, "a folder name of up to 255 bytes, of letters, digits and . _ + -")
    for key, names, registry in (("tables", made, TABLES), ("figures", drawn, FIGURES)):
        if not isinstance(names, list) or not all(isinstance(name, str) and name in registry for name in names):
            raise reject(key, names, "a list of names among " + ", ".join(registry))
    if not isinstance(sweep, dict):
        raise reject("sweep", sweep, f"a mapping with {', '.join(_SWEEP_KEYS)}")
    refuse_unknown((f"sweep.{key}" for key in sweep), [f"sweep.{key}" for key in _SWEEP_KEYS])
    grid, repair = read_axes(sweep.get("axes") or {}, leaves), sweep.get("repair", False)
    if not isinstance(repair, bool):
        raise reject("sweep.repair", repair, "true or false")
    groups = merge(list(_groups(grid, leaves)))
    specs = [group.spec for group in groups]
    refuse_unmet_needs(made, drawn, grid, specs)
    if repair and any(spec.penalty or spec.adversarial for spec in specs):
        raise reject("sweep.repair", repair, "false with train.penalty or train.adversarial, which minimise more than the loss")
    if repair and all(axis.path == "seed" for axis in grid.axes):
        raise reject("sweep.repair", repair, "false without cells: an axis over something else than the seed")
    penalised = [group.hparams.penalty_weight for group in groups if group.spec.penalty]
    if penalised and not any(np.any(weight) for weight in penalised):
        raise reject("train.penalty.weight", 0.0, "above 0 in some model, or train.penalty.kind null")
    trackers.refuse_missing_package(leaves["runtime.tracker"])
    runtime: dict[str, Any] = {str(leaf.field): leaves[path] for path, leaf in RUNTIME.items()}
    if shard := runtime["shard"]:
        for other in ("distributed", "overwrite"):
            if runtime[other]:
                raise reject("runtime.shard", shard, f"null with runtime.{other}, which is of the whole sweep")
        if int(shard.partition("/")[2]) > grid.n_points:
            raise reject("runtime.shard", shard, f"one of at most {grid.n_points:,} shards, the number of models")
    return RunConfig(name, grid, repair, groups, made, drawn, composed=composed, **runtime)


def import_modules(modules: Any) -> None:
    """Import the user's modules, which register what they add."""
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        raise reject("imports", modules, "a list of modules")
    for module in modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:
            raise ConfigError(f"imports = {modules!r}: cannot import {module}: {one_line(error)}") from error


def _groups(grid: Grid, leaves: dict[str, Any]) -> Iterator[Group]:
    """A group for every combination of the values that are compiled in."""
    static = [axis for axis in grid.axes if not isinstance(LEAVES[leaf_of(axis.path, leaves)], Number)]
    numeric = [axis for axis in grid.axes if axis not in static]
    codes = np.stack([grid.codes(axis) for axis in static] + [np.zeros(grid.n_points, int)], axis=1)
    combinations, member = np.unique(codes, axis=0, return_inverse=True)
    for number, combination in enumerate(combinations):
        points = np.flatnonzero(member.ravel() == number)
        values = leaves | {axis.path: axis.values[code] for axis, code in zip(static, combination, strict=False)}
        columns = {axis.path: np.asarray(axis.values)[grid.codes(axis)[points]] for axis in numeric}
        seeds = columns.get("seed", np.full(len(points), values["seed"])).astype(np.int64)
        spec = read_spec(values)
        yield Group(spec, read_hparams(spec, values, columns, seeds), seeds, points)
