"""Every leaf of the config: its kind, what is allowed, and so whether it is compiled in or may vary within a program.

Meaning and defaults stand in `conf/`. Numbers (`Number`) become `Hparams`, everything else belongs to `Spec`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superposition_jax.core import data, evaluation, model, objective, optimizer, sets, targets
from superposition_jax.errors import ConfigError
from superposition_jax.results import trackers


def reject(key: str, value: Any, allowed: str) -> ConfigError:
    """The error for a value that is not allowed."""
    shown = value.item() if isinstance(value, np.generic) else value
    text = repr(shown)
    return ConfigError(f"{key} = {text if len(text) < 80 else text[:77] + '...'}: must be {allowed}")


HUGE = float(np.finfo(np.float32).max)
"""Numbers are single precision when they train: this is the largest."""


@dataclass(frozen=True)
class Number:
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


def _one_by_one(self: Any, key: str, values: Sequence[Any]) -> None:
    """Raise unless every one of the values is allowed."""
    for value in values:
        self.require(key, value)


@dataclass(frozen=True)
class Integer:
    """A whole number that is compiled in."""

    low: int = 1
    high: int = 2**31 - 1
    optional: bool = False
    require_each = _one_by_one

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        if value is None and self.optional:
            return
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not self.low <= value <= self.high:
            allowed = f"a whole number in [{self.low}, {self.high}]" + (" or null" if self.optional else "")
            raise reject(key, value, allowed)


@dataclass(frozen=True)
class Sizes:
    """A whole number from 1 on, a list of them, or null; compiled in."""

    require_each = _one_by_one

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        for size in value if isinstance(value, list) else [] if value is None else [value]:
            Integer().require(key, size)


@dataclass(frozen=True)
class Choice:
    """One of some names (or of true and false)."""

    names: Collection[Any]
    optional: bool = False
    require_each = _one_by_one

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is one of the names, and of their type."""
        if value is None and self.optional:
            return
        if not any(value == name and type(value) is type(name) for name in self.names):
            names = [*(str(n).lower() for n in self.names), *(["null"] if self.optional else [])]
            raise reject(key, value, "one of " + ", ".join(names))


@dataclass(frozen=True)
class Share:
    """Share i of N in words: i/N, counted from 0; or null."""

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is allowed."""
        given = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value) if isinstance(value, str) else None
        if value is not None and not (given and int(given[1]) < int(given[2])):
            raise reject(key, value, "i/N, share i = 0 … N − 1 of N, or null")


@dataclass(frozen=True)
class Names:
    """A list of names of functions; compiled in."""

    functions: Collection[Any]
    require_each = _one_by_one

    def require(self, key: str, value: Any) -> None:
        """Raise unless the value is a list of such names."""
        names = [function.__name__ for function in self.functions]
        if not isinstance(value, list) or not all(value.count(name) == 1 and name in names for name in value):
            raise reject(key, value, "a list of different names among " + ", ".join(names))


LEAVES: dict[str, Number | Integer | Sizes | Choice | Names] = {
    "seed": Number(0, 2**32 - 1, whole=True),
    "model.n_features": Integer(),
    "model.n_hidden": Integer(),
    "model.kind": Choice(model.MODELS),
    "model.activation": Choice(model.ACTIVATIONS),
    "model.hidden_activation": Choice(model.ACTIVATIONS),
    "model.bias": Choice([True, False]),
    "model.init.kind": Choice(model.INITS),
    "model.init.scale": Number(),
    "model.init.bias": Number(),
    "model.init.models": Integer(),
    "data.sparsity": Number(0, 1, open="high", per_feature=True, optional=True),
    "data.density": Number(0, 1, open="low", per_feature=True, optional=True),
    "data.sets.kind": Choice(sets.KINDS),
    "data.sets.sizes": Sizes(),
    "data.values.law": Choice(data.LAWS),
    "data.values.exponent": Number(0, open="low"),
    "data.importance.kind": Choice(data.IMPORTANCES),
    "data.importance.decay": Number(0),
    "data.importance.list": Number(0, per_feature=True, optional=True),
    "target.kind": Choice(targets.TARGETS),
    "train.estimator": Choice(data.ESTIMATORS),
    "train.batch_size": Integer(2, optional=True),
    "train.order": Integer(),
    "train.steps": Integer(optional=True),
    "train.optimizer": Choice(optimizer.OPTIMIZERS),
    "train.learning_rate": Number(0),
    "train.weight_decay": Number(),
    "train.momentum": Number(0, 1, open="high"),
    "train.b1": Number(0, 1, open="high"),
    "train.b2": Number(0, 1, open="high"),
    "train.eps": Number(0),
    "train.schedule.kind": Choice(optimizer.SCHEDULES),
    "train.schedule.warmup": Number(0, 1),
    "train.schedule.final": Number(0),
    "train.reduction": Choice(["sum", "mean"]),
    "train.penalty.kind": Choice(objective.PENALTIES, optional=True),
    "train.penalty.weight": Number(0),
    "train.adversarial": Choice([True, False]),
    "train.curve_points": Integer(2, 10_000),
    "train.snapshots": Integer(0, 10_000),
    "attack.size": Number(0, open="low"),
    "measures": Names(evaluation.ESTIMATES),
}
"""What can be an axis: all leaves of the config that decide a result."""
NEEDS: dict[str, tuple[str, Collection[Any]]] = {
    "model.init.bias": ("model.bias", [True]),
    "model.init.models": ("model.init.kind", ["notebook"]),
    "data.values.exponent": ("data.values.law", ["power"]),
    "data.importance.decay": ("data.importance.kind", ["geometric", "power", "linear"]),
    "data.sets.sizes": ("data.sets.kind", ["correlated", "anticorrelated"]),
    "train.batch_size": ("train.estimator", ["iid", "active"]),
    "train.order": ("train.estimator", ["quadrature"]),
    "train.weight_decay": ("train.optimizer", ["adamw", "sgd"]),
    "train.momentum": ("train.optimizer", ["sgd"]),
    "train.b1": ("train.optimizer", ["adam", "adamw"]),
    "train.b2": ("train.optimizer", ["adam", "adamw"]),
    "train.eps": ("train.optimizer", ["adam", "adamw"]),
    "train.schedule.final": ("train.schedule.kind", ["linear", "cosine"]),
    "train.penalty.weight": ("train.penalty.kind", objective.PENALTIES),
}
"""Leaves that matter only with some values of another: an axis over one without those would label equal models differently."""
RUNTIME = {
    "runtime.devices": Integer(optional=True),
    "runtime.chunk": Integer(optional=True),
    "runtime.shard": Share(),
    "runtime.distributed": Choice([True, False]),
    "runtime.save_every": Number(low=0),
    "runtime.overwrite": Choice([True, False]),
    "runtime.tracker": Choice(trackers.TRACKERS, optional=True),
    "runtime.keep_programs": Choice([True, False]),
}
"""Leaves that decide where and how, but no result."""
