"""Every leaf of the config: the field that it fills, which values are allowed, and without which others it changes nothing.

`conf/` has the meanings and defaults. A `Number` fills a field of `Hparams` and may vary within a program; every other leaf fills
one of `Spec` and is compiled in.
"""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superposition_jax.core import data, evaluation, model, objective, optimizer, sets, targets
from superposition_jax.errors import ConfigError
from superposition_jax.results import trackers


def reject(key: str, value: Any, allowed: str) -> ConfigError:
    """The error for a value that is not allowed."""
    return ConfigError(f"{key} = {_shown(value)}: must be {allowed}")


def _shown(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) < 80 else text[:77] + "..."


HUGE = float(np.finfo(np.float32).max)
"""The largest number in single precision, in which models train."""


@dataclass(frozen=True)
class Leaf:
    """What every leaf of the config has: the field that it fills, and other leaves without which it changes nothing."""

    field: str | None
    """Name in `Hparams` (a `Number`) or `Spec`; None: it fills a field together with other leaves."""
    only_with: Mapping[str, Collection[Any]] = dataclasses.field(default_factory=dict, kw_only=True)
    """Other leaves and their values, of which one is needed for this leaf to change a result."""

    def require(self, key: str, value: Any) -> None:
        """Raise ConfigError unless the value is allowed."""
        raise NotImplementedError

    def require_each(self, key: str, values: Sequence[Any]) -> None:
        """Raise ConfigError unless every one of the values is allowed."""
        for value in values:
            self.require(key, value)


@dataclass(frozen=True)
class Number(Leaf):
    """A real number between bounds, an open one where `open` names it; with `per_feature` also a list with one per feature."""

    low: float = -np.inf
    high: float = np.inf
    open: str = ""
    per_feature: bool = False
    optional: bool = False
    whole: bool = False

    @property
    def allowed(self) -> str:
        """The bounds in words."""
        kind = "a whole number" if self.whole else "a finite number"
        if self.low == -np.inf and self.high == np.inf:
            return kind
        left, right = "(" if "low" in self.open else "[", ")" if "high" in self.open or self.high == np.inf else "]"
        low, high = (f"{bound:.0f}" if self.whole else f"{bound:g}" for bound in (self.low, self.high))
        return f"{kind} in {left}{low}, {high}{right}" + (" (or a list with one per feature)" if self.per_feature else "")

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value, or every entry of a list with one per feature, is allowed."""
        if value is None and self.optional:
            return
        if isinstance(value, list) and not (self.per_feature and value):
            raise reject(key, value, self.allowed)
        self.require_each(key, value if isinstance(value, list) else [value])

    def require_each(self, key: str, values: Sequence[Any]) -> None:
        """Raise unless every one of the values is allowed."""
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise reject(key, value, self.allowed)
        numbers = np.array([float(value) if abs(value) < HUGE else np.inf for value in values])
        good = np.isfinite(numbers) & (self.low <= numbers) & (numbers <= self.high)
        good &= ~((numbers == self.low) & ("low" in self.open)) & ~((numbers == self.high) & ("high" in self.open))
        if self.whole:
            good &= numbers == np.floor(numbers)
        if not good.all():
            raise reject(key, values[int(np.argmin(good))], self.allowed)


@dataclass(frozen=True)
class Integer(Leaf):
    """A whole number that is compiled in."""

    low: int = 1
    high: int = 2**31 - 1
    optional: bool = False

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        if value is None and self.optional:
            return
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not self.low <= value <= self.high:
            allowed = f"a whole number in [{self.low}, {self.high}]" + (" or null" if self.optional else "")
            raise reject(key, value, allowed)


@dataclass(frozen=True)
class Sizes(Leaf):
    """A whole number from 1 on, a list of them, or null; compiled in."""

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        for size in value if isinstance(value, list) else [] if value is None else [value]:
            Integer(None).require(key, size)


@dataclass(frozen=True)
class Choice(Leaf):
    """One of some names (or of true and false)."""

    names: Collection[Any] = ()
    optional: bool = False

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is one of the names, and of their type."""
        if value is None and self.optional:
            return
        if not any(value == name and type(value) is type(name) for name in self.names):
            names = [*(str(n).lower() for n in self.names), *(["null"] if self.optional else [])]
            raise reject(key, value, "one of " + ", ".join(names))


@dataclass(frozen=True)
class Shard(Leaf):
    """Shard i of N, written i/N and counted from 0; or null."""

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        given = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value) if isinstance(value, str) else None
        if value is not None and not (given and int(given[1]) < int(given[2])):
            raise reject(key, value, "i/N, shard i = 0 … N − 1 of N, or null")


@dataclass(frozen=True)
class Names(Leaf):
    """A list of names of functions; compiled in."""

    functions: Collection[Any]

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is a list of such names."""
        names = [function.__name__ for function in self.functions]
        if not isinstance(value, list) or not all(value.count(name) == 1 and name in names for name in value):
            raise reject(key, value, "a list of different names among " + ", ".join(names))


LEAVES: dict[str, Leaf] = {
    "seed": Number(None, 0, 2**32 - 1, whole=True),
    "model.n_features": Integer("n_features"),
    "model.n_hidden": Integer("n_hidden"),
    "model.kind": Choice("kind", model.MODELS),
    "model.activation": Choice("activation", model.ACTIVATIONS),
    "model.hidden_activation": Choice("hidden_activation", model.ACTIVATIONS),
    "model.bias": Choice("bias", [True, False]),
    "model.init.kind": Choice("init", model.INITS),
    "model.init.scale": Number("init_scale"),
    "model.init.bias": Number("init_bias", only_with={"model.bias": [True]}),
    "model.init.models": Integer("init_models", only_with={"model.init.kind": ["notebook"]}),
    "data.sparsity": Number(None, 0, 1, open="high", per_feature=True, optional=True),
    "data.density": Number(None, 0, 1, open="low", per_feature=True, optional=True),
    "data.sets.kind": Choice("correlation", sets.KINDS),
    "data.sets.sizes": Sizes("set_sizes", only_with={"data.sets.kind": ["correlated", "anticorrelated"]}),
    "data.values.law": Choice("law", data.LAWS),
    "data.values.exponent": Number("value_exponent", 0, open="low", only_with={"data.values.law": ["power"]}),
    "data.importance.kind": Choice(None, data.IMPORTANCES, only_with={"data.importance.list": [None]}),
    "data.importance.decay": Number(None, 0, only_with={"data.importance.kind": ["geometric", "power", "linear"]}),
    "data.importance.list": Number(None, 0, per_feature=True, optional=True),
    "target.kind": Choice("target", targets.TARGETS),
    "train.estimator": Choice("estimator", data.ESTIMATORS),
    "train.batch_size": Integer("batch_size", 2, optional=True, only_with={"train.estimator": ["iid", "active"]}),
    "train.order": Integer("order", only_with={"train.estimator": ["quadrature"]}),
    "train.steps": Integer("steps", optional=True),
    "train.optimizer": Choice("optimizer", optimizer.OPTIMIZERS),
    "train.learning_rate": Number("learning_rate", 0),
    "train.weight_decay": Number("weight_decay", only_with={"train.optimizer": ["adamw", "sgd"]}),
    "train.momentum": Number("momentum", 0, 1, open="high", only_with={"train.optimizer": ["sgd"]}),
    "train.b1": Number("b1", 0, 1, open="high", only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.b2": Number("b2", 0, 1, open="high", only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.eps": Number("eps", 0, only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.schedule.kind": Choice("schedule", optimizer.SCHEDULES),
    "train.schedule.warmup": Number("warmup", 0, 1),
    "train.schedule.final": Number("final_rate", 0, only_with={"train.schedule.kind": ["linear", "cosine"]}),
    "train.reduction": Choice("reduction", ["sum", "mean"]),
    "train.penalty.kind": Choice("penalty", objective.PENALTIES, optional=True),
    "train.penalty.weight": Number("penalty_weight", 0, only_with={"train.penalty.kind": objective.PENALTIES}),
    "train.adversarial": Choice("adversarial", [True, False]),
    "train.curve_points": Integer("curve_points", 2, 10_000),
    "train.snapshots": Integer("snapshots", 0, 10_000),
    "attack.size": Number(
        "attack_size", 0, open="low", only_with={"measures": ["attacked_loss", "attack_radius"], "train.adversarial": [True]}
    ),
    "measures": Names("measures", evaluation.ESTIMATES),
}
"""Leaves that decide a result: all that can be an axis."""
RUNTIME: dict[str, Leaf] = {
    "runtime.devices": Integer("devices", optional=True),
    "runtime.chunk": Integer("chunk", optional=True),
    "runtime.shard": Shard("shard"),
    "runtime.distributed": Choice("distributed", [True, False]),
    "runtime.save_every": Number("save_every", low=0),
    "runtime.overwrite": Choice("overwrite", [True, False]),
    "runtime.tracker": Choice("tracker", trackers.TRACKERS, optional=True),
    "runtime.keep_programs": Choice("keep_programs", [True, False]),
}
"""Leaves that decide where and how a run is trained, but no result; they fill fields of `RunConfig`."""


def without_effect(path: str, values: Mapping[str, Sequence[Any]]) -> str:
    """Why a leaf changes no result, in words; empty if it does. `values` are those that each leaf takes in the sweep."""
    unmet, needed = [], []
    for other, allowed in LEAVES[path].only_with.items():
        given = list(values[other])
        if any(value in allowed for entry in given for value in (entry if isinstance(entry, list) else [entry])):
            return without_effect(other, values)
        names = " or ".join("null" if name is None else str(name).lower() for name in allowed)
        unmet.append(f"{other} = {_shown(given[0] if len(given) == 1 else given)}")
        needed.append(f"{other} = {names}")
    return f"changes nothing with {' and '.join(unmet)}; it needs {' or '.join(needed)}" if unmet else ""
