"""Splits the leaves of a config into `Spec`, what is compiled in, and `Hparams`, the numbers that vary within a program."""

import os
from dataclasses import replace
from typing import Any

import numpy as np

from superposition_jax.config import recipe
from superposition_jax.config.rules import HUGE, reject
from superposition_jax.config.schema import LEAVES
from superposition_jax.core import data, evaluation, expectation, sets, targets
from superposition_jax.engine import memory
from superposition_jax.errors import ConfigError
from superposition_jax.sweep import scale_of
from superposition_jax.types import Hparams, Spec

_LEAST_DENSITY = 1e-6
"""The least density: features are drawn with uniforms of 2³¹ levels, of which a smaller one has too few."""


def read_spec(leaves: dict[str, Any]) -> Spec:
    """The Spec of leaves whose values are allowed; raises ConfigError where they do not go together."""
    n = leaves["model.n_features"]
    fields = {leaf.field: leaves[path] for path, leaf in LEAVES.items() if leaf.field in Spec.__dataclass_fields__}
    fields |= {"set_sizes": _set_sizes(leaves), "measures": tuple(leaves["measures"])}
    fields["init_models"] = leaves["model.init.models"] if leaves["model.init.kind"] == "notebook" else 1
    spec = Spec(**fields)
    spec = replace(spec, expectation=leaves["train.expectation"] or expectation.default(spec))
    spec = replace(spec, batch_size=spec.batch_size or recipe.batch_size(spec), steps=spec.steps or recipe.steps(spec))
    if why := expectation.EXPECTATIONS[spec.expectation].why_not(spec):
        raise ConfigError(f"train.expectation = {spec.expectation!r}: {why}")
    if spec.estimator == "quadrature" and n > (most := evaluation.QUADRATURE_FEATURES):
        why = f"takes about (order + 1)^n points, so model.n_features must be ≤ {most}, not {n}"
        raise ConfigError(f"train.estimator = 'quadrature': {why}")
    arity, joins = targets.TARGETS[spec.target].arity, f"target.kind = {spec.target!r}: joins"
    if arity > n:
        raise ConfigError(f"{joins} {arity} features, so model.n_features must be ≥ {arity}, not {n}")
    if arity > 1 and spec.correlation != "independent":
        raise ConfigError(f"{joins} neighbours, so data.sets.kind must be independent")
    for path, leaf in LEAVES.items():
        for value, wanted in leaf.needs.items():
            if value in np.atleast_1d(leaves[path]).tolist() and (
                other := {key: leaves[key] for key in wanted if leaves[key] != wanted[key]}
            ):
                words, unmet = (" and ".join(f"{key} = {v!r}" for key, v in some.items()) for some in (wanted, other))
                raise ConfigError(f"{path} = {leaves[path]!r}: needs {words}, not {unmet}")
    if spec.init == "polygon" and spec.n_hidden < 2:
        raise ConfigError(f"model.init.kind = 'polygon': needs model.n_hidden ≥ 2, not {spec.n_hidden}")
    needed, available = memory.of_model(spec), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        batch = f"train.order = {spec.order}" if spec.estimator == "quadrature" else f"train.batch_size = {spec.batch_size}"
        size = f"model.n_features = {n}, model.n_hidden = {spec.n_hidden}, {batch}"
        memories = f"{needed / 2**30:.3g} GiB, this machine has {available / 2**30:.3g} GiB"
        raise ConfigError(f"{size}: one model needs about {memories}")
    return spec


def _set_sizes(leaves: dict[str, Any]) -> tuple[int, ...]:
    """Sizes of the sets, none where features are independent."""
    if leaves["data.sets.kind"] == "independent":
        return ()
    n, given = leaves["model.n_features"], leaves["data.sets.sizes"]
    sizes = sets.sizes(leaves["data.sets.kind"], given, n)
    if sum(sizes) != n:
        raise reject("data.sets.sizes", given, f"one size that divides model.n_features = {n}, or a list of sizes that sum to it")
    return sizes


def read_hparams(spec: Spec, leaves: dict[str, Any], columns: dict[str, np.ndarray], seeds: np.ndarray) -> Hparams:
    """The numbers of many points of one Spec, from their seeds (point,); computed in float64, so that 1 − S keeps its digits.

    `columns` has the values of numeric axes by path, (point,); `leaves` has those of all other leaves.
    """
    n, points = spec.n_features, len(seeds)

    def numbers(path: str) -> np.ndarray:
        """The values of a leaf, (point or 1, feature or 1)."""
        entries = {int(p.rpartition(".")[2]): c for p, c in columns.items() if p.startswith(path + ".")}
        value = columns[path][:, None] if path in columns else np.atleast_1d(np.asarray(leaves[path], np.float64))[None]
        if entries:
            value = np.array(np.broadcast_to(value, (points, value.shape[1])))
            for place, column in entries.items():
                value[:, place] = column
        if isinstance(leaves[path], list) and value.shape[1] != n:
            raise reject(path, leaves[path], f"a list of {n} numbers, one per feature, not {value.shape[1]}")
        return value

    given = {path: "an axis" if path in columns else leaves[path] for path in leaves}
    if given["data.sparsity"] is not None and given["data.density"] is not None:
        why = f"data.sparsity = {given['data.sparsity']} is given as well; give one of them and set the other to null"
        raise ConfigError(f"data.density = {given['data.density']}: {why}")
    path = "data.sparsity" if given["data.sparsity"] is not None else "data.density"
    density = numbers(path) if given[path] is not None else np.ones((1, 1))
    density = 1 - density if path == "data.sparsity" else density
    if density.min() < _LEAST_DENSITY:
        raise ConfigError(
            f"{path}: gives a density 1 − S of {density.min():g}; the least that can be drawn is {_LEAST_DENSITY:g}"
        )
    if spec.correlation == "anticorrelated":
        whole = np.add.reduceat(np.broadcast_to(density, (len(density), n)), np.cumsum((0, *spec.sets[:-1])), axis=1)
        if whole.max() > 1 + 1e-6:
            why = "they must sum to at most 1, since one of its features is on at a time"
            raise ConfigError(f"{path}: densities in an anticorrelated set sum to {whole.max():g}; {why}")
    if given["data.importance.list"] is not None:
        if not isinstance(leaves["data.importance.list"], list):
            allowed = f"a list of {n} numbers, one per feature, or null"
            raise reject("data.importance.list", given["data.importance.list"], allowed)
        importance = numbers("data.importance.list")
    else:
        kind, decay = leaves["data.importance.kind"], numbers("data.importance.decay")
        with np.errstate(over="ignore"):
            importance = data.IMPORTANCES[kind](np.arange(n)[None], n, decay)
        if not (importance.min() >= 0 and importance.max() < HUGE):
            raise reject("data.importance.decay", decay.max(), f"such that {kind} importances are finite and not negative")
    if (scales := leaves["model.init.scales"]) is not None:
        if given["model.init.scale"] is not None:
            why = f"model.init.scale = {given['model.init.scale']} is given as well; give one of them and set the other to null"
            raise ConfigError(f"model.init.scales = {scales}: {why}")
        columns = columns | {"model.init.scale": scale_of(seeds, scales)}
    elif given["model.init.scale"] is None:
        leaves = leaves | {"model.init.scale": 1.0}
    if given["train.learning_rate"] is None:
        leaves = leaves | {"train.learning_rate": recipe.learning_rate(spec)}
    paths = {leaf.field: path for path, leaf in LEAVES.items() if leaf.field in Hparams.__dataclass_fields__}
    fields: dict[str, Any] = {field: np.broadcast_to(numbers(path)[:, 0], points) for field, path in paths.items()}
    fields |= {"density": np.broadcast_to(density, (points, n)), "importance": np.broadcast_to(importance, (points, n))}
    return Hparams(**{field: values.astype(np.float32) for field, values in fields.items()})
