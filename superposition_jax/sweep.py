"""Sweeps: axes → labelled points → groups of equal Spec → rectangles of (seed, cell), and results back on their axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class Tile:
    """A rectangle of models that runs at once: places in the group (seed, cell), and which are no padding."""

    places: np.ndarray
    real: np.ndarray


@dataclass(frozen=True)
class Tiling:
    """Tiles of one shape that cover a group; `by_seed` says which side the devices share."""

    tiles: tuple[Tile, ...]
    by_seed: bool


def tiling(seeds: np.ndarray, chunk: int, devices: int) -> Tiling:
    """Cover models with the given seeds by equal rectangles of at most about `chunk` models.

    Rows are seeds and columns the cells that share a seed, so wide rectangles need few random numbers. Padding repeats
    a real model.
    """
    distinct, row = np.unique(seeds, return_inverse=True)
    counts = np.bincount(row)
    order = np.argsort(row, kind="stable")
    column = np.arange(len(seeds)) - np.repeat(np.cumsum(counts) - counts, counts)

    cells = _even(int(counts.max()), max(1, chunk))
    rows = _even(len(distinct), max(1, chunk // cells))
    # Devices share the side that needs less padding; seeds where equal, since shared cells draw the same numbers twice.
    by_seed = _up(rows, devices) * cells <= rows * _up(cells, devices)
    rows, cells = (_up(rows, devices), cells) if by_seed else (rows, _up(cells, devices))

    height, width = _up(len(distinct), rows), _up(int(counts.max()), cells)
    places = np.full((height, width), -1)
    places[row[order], column] = order
    real = places >= 0
    first = np.where(places[:, :1] >= 0, places[:, :1], 0)
    places = np.where(real, places, first)
    tiles = [
        Tile(places[i : i + rows, j : j + cells], real[i : i + rows, j : j + cells])
        for i in range(0, height, rows)
        for j in range(0, width, cells)
    ]
    return Tiling(tuple(tile for tile in tiles if tile.real.any()), by_seed)


def rectangles(seeds: np.ndarray, shape: tuple[int, int]) -> tuple[Tile, ...]:
    """Cover models with the given seeds by rectangles of a given shape (seed, cell), one seed a row; padding repeats a model."""
    rows, columns = shape
    lines = []
    for seed in np.unique(seeds):
        members = np.flatnonzero(seeds == seed)
        lines += [members[i : i + columns] for i in range(0, len(members), columns)]
    places, real = np.zeros((_up(len(lines), rows), columns), int), np.zeros((_up(len(lines), rows), columns), bool)
    for row, line in enumerate(lines):
        places[row], places[row, : len(line)], real[row, : len(line)] = line[0], line, True
    return tuple(Tile(places[i : i + rows], real[i : i + rows]) for i in range(0, len(places), rows))


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _even(total: int, most: int) -> int:
    """Size of the fewest equal pieces of at most `most` that cover `total`."""
    return -(-total // -(-total // min(total, most)))
