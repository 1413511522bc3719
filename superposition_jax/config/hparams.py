"""Turns the leaves of a config into `Hparams`, the numbers that vary within a program."""

from typing import Any

import numpy as np

from superposition_jax.config.rules import HUGE, reject
from superposition_jax.config.schema import LEAVES
from superposition_jax.config.spec import set_sizes
from superposition_jax.core import data
from superposition_jax.errors import ConfigError
from superposition_jax.types import Hparams

LEAST_DENSITY = 1e-6
"""The least density: features are drawn with uniforms of 2³¹ levels, of which a smaller one has too few."""


def read_hparams(leaves: dict[str, Any], columns: dict[str, np.ndarray], points: int) -> Hparams:
    """The numbers of many points at once; computed in float64, so that 1 − S keeps its digits.

    `columns` has the values of numeric axes by path, (point,); `leaves` has those of all other leaves.
    """
    n = leaves["model.n_features"]

    def number(path: str) -> np.ndarray:
        """The values of a leaf, (point or 1, feature or 1)."""
        entries = {int(p.rpartition(".")[2]): c for p, c in columns.items() if p.startswith(path + ".")}
        value = columns[path][:, None] if path in columns else np.atleast_1d(np.asarray(leaves[path], np.float64))[None]
        if entries:
            value = np.array(np.broadcast_to(value, (points, value.shape[1])))
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

    def shown(path: str) -> Any:
        return "an axis" if path in columns else leaves[path]

    if given("data.sparsity") and given("data.density"):
        raise ConfigError(
            f"data.density = {shown('data.density')}: data.sparsity = {shown('data.sparsity')} is given as well; "
            "give one of them and set the other to null"
        )
    path = "data.sparsity" if given("data.sparsity") else "data.density"
    density = features(path) if given(path) else np.ones((1, 1))
    density = 1 - density if path == "data.sparsity" else density
    if density.min() < LEAST_DENSITY:
        raise ConfigError(f"{path}: gives a density 1 − S of {density.min():g}; the least that can be drawn is {LEAST_DENSITY:g}")

    sizes = set_sizes(leaves)
    if sizes and leaves["data.sets.kind"] == "anticorrelated":
        whole = np.add.reduceat(np.broadcast_to(density, (len(density), n)), np.cumsum((0, *sizes[:-1])), axis=1)
        if whole.max() > 1 + 1e-6:
            raise ConfigError(
                f"{path}: densities in an anticorrelated set sum to {whole.max():g}; they must sum to at most 1, "
                "since one of its features is on at a time"
            )

    if given("data.importance.list"):
        importance = features("data.importance.list")
    else:
        kind = leaves["data.importance.kind"]
        decay = number("data.importance.decay")
        with np.errstate(over="ignore"):
            importance = data.IMPORTANCES[kind](np.arange(n)[None], n, decay)
        if not (importance.min() >= 0 and importance.max() < HUGE):
            raise reject("data.importance.decay", decay.max(), f"such that {kind} importances are finite and not negative")

    fields: dict[str, Any] = {
        leaf.field: np.broadcast_to(number(path)[:, 0], points).astype(np.float32)
        for path, leaf in LEAVES.items()
        if leaf.field in Hparams.__dataclass_fields__
    }
    fields["density"] = np.broadcast_to(density, (points, n)).astype(np.float32)
    fields["importance"] = np.broadcast_to(importance, (points, n)).astype(np.float32)
    return Hparams(**fields)
