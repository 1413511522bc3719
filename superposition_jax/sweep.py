"""Sweeps: axes → labelled points → groups of equal Spec, joined, split and shared among processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from superposition_jax.types import Hparams, Spec


@dataclass(frozen=True)
class Axis:
    """One axis: the config leaf `path` takes each of `values`. Axes of the same `dim` advance together."""

    name: str
    path: str
    values: tuple[Any, ...]
    dim: str


@dataclass(frozen=True)
class Grid:
    """The points of a sweep: the product of its dimensions, last dimension fastest."""

    axes: tuple[Axis, ...]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every dimension, in order."""
        return {axis.dim: len(axis.values) for axis in self.axes}

    @property
    def n_points(self) -> int:
        """Number of points (models)."""
        return int(np.prod([*self.sizes.values()], dtype=np.int64))

    def codes(self, axis: Axis) -> np.ndarray:
        """For every point the place of its value in `axis.values`."""
        before, size, after = self._around(axis.dim)
        return np.tile(np.repeat(np.arange(size), after), before)

    def _around(self, dim: str) -> tuple[int, int, int]:
        lengths, place = [*self.sizes.values()], [*self.sizes].index(dim)
        return int(np.prod(lengths[:place])), lengths[place], int(np.prod(lengths[place + 1 :]))

    def unravel(self, points: np.ndarray) -> np.ndarray:
        """An array (point, …) with its points on the sweep's dimensions."""
        return points.reshape((*self.sizes.values(), *points.shape[1:]))


@dataclass(frozen=True)
class Group:
    """Points of equal Spec: numbers and seeds (point, …), and their flat place in the sweep."""

    spec: Spec
    hparams: Hparams
    seeds: np.ndarray
    points: np.ndarray


def merge(groups: Sequence[Group]) -> list[Group]:
    """Put groups of equal Spec together, in order of first appearance."""
    by_spec: dict[Spec, list[Group]] = {}
    for group in groups:
        by_spec.setdefault(group.spec, []).append(group)
    return [members[0] if len(members) == 1 else _concatenate(members) for members in by_spec.values()]


def _concatenate(members: Sequence[Group]) -> Group:
    fields: dict[str, Any] = {
        name: np.concatenate([getattr(g.hparams, name) for g in members]) for name in Hparams.__dataclass_fields__
    }
    join = {name: np.concatenate([getattr(g, name) for g in members]) for name in ("seeds", "points")}
    return Group(members[0].spec, Hparams(**fields), **join)


def take(hparams: Hparams, places: np.ndarray) -> Hparams:
    """The numbers at some places (of any shape) of the point axis."""
    fields: dict[str, Any] = {name: getattr(hparams, name)[places] for name in Hparams.__dataclass_fields__}
    return Hparams(**fields)


def owners(groups: Sequence[Group], count: int) -> list[np.ndarray]:
    """For every group, which of `count` shares each of its models is in: about equal in cost, of few groups and few seeds."""
    orders = [np.argsort(group.seeds, kind="stable") for group in groups]
    costs = np.concatenate([np.full(len(g.points), float(g.spec.steps * g.spec.points * g.spec.n_features)) for g in groups])
    middle = np.cumsum(costs) - costs / 2
    sorted_owners = np.split((middle * count / costs.sum()).astype(int), np.cumsum([len(order) for order in orders])[:-1])
    found = [np.empty(len(order), int) for order in orders]
    for owner, order, own in zip(found, orders, sorted_owners, strict=True):
        owner[order] = own
    return found


def share(groups: Sequence[Group], index: int, count: int) -> list[np.ndarray]:
    """For every group, the places of its models that are in share `index` of `count`."""
    if count == 1:
        return [np.arange(len(group.points)) for group in groups]
    return [np.flatnonzero(owner == index) for owner in owners(groups, count)]


Results = dict[str, np.ndarray]
"""Arrays on the host by name, each (model, …)."""


def join(experiments: Sequence[Sequence[Group]]) -> list[Group]:
    """Groups of all experiments by Spec. Points are numbered through: those of an experiment follow those of the one before."""
    shifted = [
        Group(group.spec, group.hparams, group.seeds, group.points + first)
        for groups, first in zip(experiments, _firsts(experiments), strict=True)
        for group in groups
    ]
    return merge(shifted)


def split(
    experiments: Sequence[Sequence[Group]], joined: Sequence[Group], trained: Sequence[Results]
) -> list[tuple[list[Group], list[Results]]]:
    """For every experiment its groups and their results."""
    found: list[tuple[list[Group], list[Results]]] = [([], []) for _ in experiments]
    ends = np.cumsum([sum(len(group.points) for group in groups) for groups in experiments])
    for group, results in zip(joined, trained, strict=True):
        owner = np.searchsorted(ends, group.points, side="right")
        for number in np.unique(owner):
            mine = np.flatnonzero(owner == number)
            points = group.points[mine] - (ends[number - 1] if number else 0)
            found[number][0].append(Group(group.spec, take(group.hparams, mine), group.seeds[mine], points))
            found[number][1].append({name: values[mine] for name, values in results.items()})
    return found


def _firsts(experiments: Sequence[Sequence[Group]]) -> list[int]:
    """The number of every experiment's first point."""
    return [0, *accumulate(sum(len(group.points) for group in groups) for groups in experiments)][: len(experiments)]
