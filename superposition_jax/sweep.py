"""Sweeps: axes → points → groups of equal Spec; groups joined over experiments, split again, and divided into shards."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from superposition_jax.types import Hparams, Spec


@dataclass(frozen=True)
class Axis:
    """One axis: the config leaf `path` takes each of `values`. Axes of the same `dim` advance together.

    >>> sparsity = Axis("sparsity", "data.sparsity", (0.0, 0.9), "sparsity")
    >>> seed = Axis("seed", "seed", (0, 1, 2), "seed")
    >>> grid = Grid((sparsity, seed))
    >>> grid.sizes, grid.n_points
    ({'sparsity': 2, 'seed': 3}, 6)
    >>> grid.codes(sparsity).tolist()
    [0, 0, 0, 1, 1, 1]
    """

    name: str
    path: str
    values: tuple[Any, ...]
    dim: str


@dataclass(frozen=True)
class Grid:
    """The points of a sweep: the product of its dimensions, last dimension fastest."""

    axes: tuple[Axis, ...]
    scales: tuple[float, ...] = ()
    """Scales of the initial weights among which the seed chooses (`scale_of`); none where the config has a single one."""

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Length of every dimension, in order."""
        return {axis.dim: len(axis.values) for axis in self.axes}

    @property
    def n_points(self) -> int:
        """Number of points (models)."""
        return int(np.prod([*self.sizes.values()], dtype=np.int64))

    def codes(self, axis: Axis) -> np.ndarray:
        """The index of every point's value in `axis.values`, (point,)."""
        lengths, place = [*self.sizes.values()], [*self.sizes].index(axis.dim)
        before, after = int(np.prod(lengths[:place])), int(np.prod(lengths[place + 1 :]))
        return np.tile(np.repeat(np.arange(lengths[place]), after), before)

    @property
    def cells(self) -> np.ndarray:
        """The cell of every point, (point,): points of a cell differ in their seed only."""
        points = np.arange(self.n_points).reshape([*self.sizes.values()])
        for place, dim in enumerate(self.sizes):
            if [axis.path for axis in self.axes if axis.dim == dim] == ["seed"]:
                points = np.broadcast_to(points.take([0], axis=place), points.shape)
        return points.ravel()

    def unravel(self, points: np.ndarray) -> np.ndarray:
        """An array (point, …) reshaped to the sweep's dimensions."""
        return points.reshape((*self.sizes.values(), *points.shape[1:]))


def scale_of(seeds: ArrayLike, scales: Sequence[float]) -> np.ndarray:
    """The scale of the initial weights of every seed, (seed,). The seed's value chooses it, and nothing else in the sweep does.

    >>> scale_of([0, 1, 2, 7], (1.0, 2.0)).tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    return np.asarray(scales, np.float64)[np.asarray(seeds, np.int64) % len(scales)]


@dataclass(frozen=True)
class Group:
    """Models of equal Spec."""

    spec: Spec
    hparams: Hparams
    """Numbers, (point, …)."""
    seeds: np.ndarray
    """Seeds, (point,)."""
    points: np.ndarray
    """Flat indices in the sweep, (point,)."""

    def at(self, places: np.ndarray) -> "Group":
        """The models at some places."""
        return Group(self.spec, take(self.hparams, places), self.seeds[places], self.points[places])


def merge(groups: Sequence[Group]) -> list[Group]:
    """Groups of which those of equal Spec are concatenated, in order of first appearance."""
    by_spec: dict[Spec, list[tuple[Hparams, np.ndarray, np.ndarray]]] = {}
    for group in groups:
        by_spec.setdefault(group.spec, []).append((group.hparams, group.seeds, group.points))
    return [Group(spec, *jax.tree.map(_concatenate, *members)) for spec, members in by_spec.items()]


def _concatenate(*arrays: np.ndarray) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def take(hparams: Hparams, places: np.ndarray) -> Hparams:
    """Numbers of the models at some places of the point axis; `places` may have any shape."""
    return jax.tree.map(lambda array: array[places], hparams)


def cells(grids: Sequence[Grid]) -> np.ndarray:
    """The cell of every point of several sweeps, (point,), numbered as in `join`."""
    firsts = np.cumsum([0, *(grid.n_points for grid in grids)])
    return np.concatenate([grid.cells + first for grid, first in zip(grids, firsts, strict=False)])


def best_seeds(cell: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Places of the models of least `loss` (model,) in every `cell` (model,).

    A model that is alone in its cell has no place, nor has one of infinite loss.

    >>> best_seeds(np.array([4, 4, 7, 4]), np.array([0.3, 0.1, 0.2, 0.5])).tolist()
    [1]
    """
    _, cell, count = np.unique(cell, return_inverse=True, return_counts=True)
    order = np.lexsort((loss, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    return first[(count > 1) & np.isfinite(loss[first])]


def owners(groups: Sequence[Group], count: int) -> list[np.ndarray]:
    """For every group, the shard of each of its models, (point,). Shards have about equal cost, few groups and few seeds."""
    orders = [np.argsort(group.seeds, kind="stable") for group in groups]
    costs = np.concatenate([np.full(len(g.points), float(g.spec.steps * g.spec.points * g.spec.n_features)) for g in groups])
    middle = np.cumsum(costs) - costs / 2
    in_order = np.split((middle * count / costs.sum()).astype(int), np.cumsum([len(order) for order in orders])[:-1])
    by_group = [np.empty(len(order), int) for order in orders]
    for owner, order, values in zip(by_group, orders, in_order, strict=True):
        owner[order] = values
    return by_group


def shard_places(groups: Sequence[Group], index: int, count: int) -> list[np.ndarray]:
    """For every group, the places of its models that are in shard `index` of `count`."""
    if count == 1:
        return [np.arange(len(group.points)) for group in groups]
    return [np.flatnonzero(owner == index) for owner in owners(groups, count)]


Results = dict[str, np.ndarray]
"""Arrays on the host by name, each (model, …)."""


def join(runs: Sequence[Sequence[Group]]) -> list[Group]:
    """Groups of all runs by Spec. The points of a run are numbered after those of the runs before it."""
    shifts = zip(runs, _first_points(runs), strict=False)
    return merge([Group(g.spec, g.hparams, g.seeds, g.points + first) for groups, first in shifts for g in groups])


def split(
    runs: Sequence[Sequence[Group]], joined: list[Group], trained: list[Results]
) -> list[tuple[list[Group], list[Results]]]:
    """For every run its groups and their results: the inverse of `join`, for trained groups."""
    by_run: list[tuple[list[Group], list[Results]]] = [([], []) for _ in runs]
    firsts = _first_points(runs)
    for group, results in zip(joined, trained, strict=True):
        owner = _run_of(runs, group)
        for number in np.unique(owner):
            places = np.flatnonzero(owner == number)
            points = group.points[places] - firsts[number]
            by_run[number][0].append(Group(group.spec, take(group.hparams, places), group.seeds[places], points))
            by_run[number][1].append({name: values[places] for name, values in results.items()})
    return by_run


def _run_of(runs: Sequence[Sequence[Group]], joined: Group) -> np.ndarray:
    """The number of the run of every model of a joined group, (point,)."""
    return np.searchsorted(_first_points(runs), joined.points, side="right") - 1


def _first_points(runs: Sequence[Sequence[Group]]) -> np.ndarray:
    """The index of every run's first point among all, and the number of all points."""
    return np.cumsum([0, *(sum(len(group.points) for group in groups) for groups in runs)])
