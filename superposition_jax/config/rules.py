"""Kinds of leaves of the config: numbers, whole numbers, names; each says which values are allowed."""

import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from superposition_jax.errors import ConfigError


def reject(key: str, value: Any, allowed: str) -> ConfigError:
    """The error for a value that is not allowed."""
    return ConfigError(f"{key} = {shown(value)}: must be {allowed}")


def shown(value: Any) -> str:
    """A value as a message shows it: in full only if it is short."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) < 80 else text[:77] + "..."


def first_few(names: Iterable[str], most: int = 8) -> str:
    """Names, or the first of them and how many more there are."""
    every = [*names]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")


HUGE = float(np.finfo(np.float32).max)
"""The largest number in single precision, in which models train."""


@dataclass(frozen=True)
class Leaf:
    """What every leaf of the config has: the field that it fills, and what it needs of other leaves."""

    field: str | None
    """Name in `Hparams` (a `Number`) or `Spec`; None: it fills a field together with other leaves."""
    optional: bool = dataclasses.field(default=False, kw_only=True)
    """Whether null is allowed."""
    only_with: Mapping[str, Collection[Any]] = dataclasses.field(default_factory=dict, kw_only=True)
    """Other leaves and their values, of which one is needed for this leaf to change a result."""
    needs: Mapping[Any, Mapping[str, Any]] = dataclasses.field(default_factory=dict, kw_only=True)
    """The values of other leaves that a value of this leaf needs, all of them."""

    def require(self, key: str, value: Any) -> None:
        """Raise ConfigError unless the value is allowed."""
        if value is not None or not self.optional:
            self._require(key, value)

    def _require(self, key: str, value: Any) -> None:
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
    whole: bool = False

    def _allowed(self) -> str:
        kind = "a whole number" if self.whole else "a finite number"
        if self.low == -np.inf and self.high == np.inf:
            return kind
        left, right = "(" if "low" in self.open else "[", ")" if "high" in self.open or self.high == np.inf else "]"
        low, high = (f"{bound:.0f}" if self.whole else f"{bound:g}" for bound in (self.low, self.high))
        return f"{kind} in {left}{low}, {high}{right}" + (" (or a list with one per feature)" if self.per_feature else "")

    def _require(self, key: str, value: Any) -> None:
        self.require_each(key, value if self.per_feature and value and isinstance(value, list) else [value])

    def require_each(self, key: str, values: Sequence[Any]) -> None:
        """Raise ConfigError unless every one of the values is allowed; a million of them take no time."""
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise reject(key, value, self._allowed())
        numbers = np.array([float(value) if abs(value) < HUGE else np.inf for value in values])
        good = np.isfinite(numbers) & (self.low <= numbers) & (numbers <= self.high)
        good &= ~((numbers == self.low) & ("low" in self.open)) & ~((numbers == self.high) & ("high" in self.open))
        if self.whole:
            good &= numbers == np.floor(numbers)
        if not good.all():
            raise reject(key, values[int(np.argmin(good))], self._allowed())


@dataclass(frozen=True)
class Integer(Leaf):
    """A whole number that is compiled in."""

    low: int = 1
    high: int = 2**31 - 1

    def _require(self, key: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not self.low <= value <= self.high:
            raise reject(key, value, f"a whole number in [{self.low}, {self.high}]" + (" or null" if self.optional else ""))


@dataclass(frozen=True)
class Numbers(Leaf):
    """A list of finite numbers."""

    def _require(self, key: str, value: Any) -> None:
        if not isinstance(value, list) or not value:
            raise reject(key, value, "a list of finite numbers" + (" or null" if self.optional else ""))
        Number(None).require_each(key, value)


@dataclass(frozen=True)
class Sizes(Leaf):
    """A whole number from 1 on, or a list of them; compiled in."""

    def _require(self, key: str, value: Any) -> None:
        for size in value if isinstance(value, list) else [value]:
            Integer(None).require(key, size)


@dataclass(frozen=True)
class Choice(Leaf):
    """One of some names (or of true and false)."""

    names: Collection[Any] = ()

    def _require(self, key: str, value: Any) -> None:
        if not any(value == name and type(value) is type(name) for name in self.names):
            names = [*(str(n).lower() for n in self.names), *(["null"] if self.optional else [])]
            raise reject(key, value, "one of " + ", ".join(names))


@dataclass(frozen=True)
class Shard(Leaf):
    """Shard i of N, written i/N and counted from 0."""

    def _require(self, key: str, value: Any) -> None:
        given = re.fullmatch(r"(\d{1,9})/(\d{1,9})", value) if isinstance(value, str) else None
        if not given or int(given[1]) >= int(given[2]):
            raise reject(key, value, "i/N, shard i = 0 … N − 1 of N, or null")


@dataclass(frozen=True)
class Names(Leaf):
    """A list of names of functions; compiled in."""

    functions: Collection[Any]

    def _require(self, key: str, value: Any) -> None:
        names = [function.__name__ for function in self.functions]
        if not isinstance(value, list) or not all(value.count(name) == 1 and name in names for name in value):
            raise reject(key, value, "a list of different names among " + ", ".join(names))
