"""Sweeps: axes → labelled points → groups of equal Spec → rectangles of (seed, cell), and results back on their axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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


class Tile(NamedTuple):
    """A rectangle of models that runs at once: places in the group (seed, cell), and which are no padding."""

    places: np.ndarray
    real: np.ndarray


_MANY = 4
"""Rectangles of a device from which the last one's padding does not matter."""


def fitting(seeds: np.ndarray, most: int, devices: int) -> tuple[int, int]:
    """The rectangle (seeds, cells) of a device, of at most about `most` models, with which few rectangles cover all models.

    Rows are seeds and columns the cells that share a seed, so wide rectangles need few random numbers. For large sweeps it does
    not depend on the number of devices.
    """
    _, counts = np.unique(seeds, return_counts=True)
    cells = _even(int(counts.max()), most)
    if int(np.sum(-(-counts // cells))) < devices:  # narrower rectangles give every device something to do
        cells = _even(int(counts.max()), -(-len(seeds) // devices))
    rows, most_rows = -(-int(np.sum(-(-counts // cells))) // devices), max(1, most // cells)
    return most_rows if rows >= _MANY * most_rows else _even(rows, most_rows), cells


def of_size(seeds: np.ndarray, chunk: int) -> tuple[int, int]:
    """The rectangle (seeds, cells) of a device of about `chunk` models, however many devices there are."""
    cells = _even(int(np.unique(seeds, return_counts=True)[1].max()), chunk)
    return max(1, chunk // cells), cells


def rectangles(seeds: np.ndarray, places: np.ndarray, shape: tuple[int, int]) -> list[Tile]:
    """Cover the models at some places by rectangles of a shape, one seed a row; padding repeats a model."""
    order = places[np.argsort(seeds[places], kind="stable")]
    runs = np.split(order, np.flatnonzero(np.diff(seeds[order])) + 1) if order.size else []
    height, width = shape
    lines = [run[start : start + width] for run in runs for start in range(0, len(run), width)]
    tiles = []
    for start in range(0, len(lines), height):
        rows = lines[start : start + height]
        rows += [rows[0][:0]] * (height - len(rows))
        real = np.arange(width) < np.array([len(row) for row in rows])[:, None]
        filled = np.array([row[0] if len(row) else rows[0][0] for row in rows])[:, None] + np.zeros_like(real, int)
        filled[real] = np.concatenate(rows)
        tiles.append(Tile(filled, real))
    return tiles


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


def _even(total: int, most: int) -> int:
    """Size of the fewest equal pieces of at most `most` that cover `total`."""
    return -(-total // -(-total // min(total, most)))
