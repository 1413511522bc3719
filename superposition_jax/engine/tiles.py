"""Tiles: models (seed, cell) that a program trains at once."""

from typing import NamedTuple

import numpy as np


class Tile(NamedTuple):
    """Models that are trained at once: one seed per row, cells of that seed in its columns."""

    places: np.ndarray
    """Places of the models in their group, (seed, cell)."""
    real: np.ndarray
    """Whether a place is a model of its own, (seed, cell); others are padding."""


_MANY = 4
"""Number of tiles from which on the padding of the last one does not matter."""


def tile_shape(seeds: np.ndarray, most: int, devices: int) -> tuple[int, int]:
    """The shape (seeds, cells) of a device's part of a tile: at most about `most` models, and few tiles for all models.

    Cells of a row share their seed's random numbers, so wide tiles need few of them. For large sweeps the shape does not
    depend on the number of devices.

    >>> tile_shape(np.tile(np.arange(8), 7), most=500, devices=2)
    (4, 7)
    """
    _, counts = np.unique(seeds, return_counts=True)
    cells = _even(int(counts.max()), most)
    if int(np.sum(-(-counts // cells))) < devices:  # narrower tiles, so that every device has a row
        cells = _even(int(counts.max()), -(-len(seeds) // devices))
    rows, most_rows = -(-int(np.sum(-(-counts // cells))) // devices), max(1, most // cells)
    return most_rows if rows >= _MANY * most_rows else _even(rows, most_rows), cells


def tile_shape_of_chunk(seeds: np.ndarray, chunk: int) -> tuple[int, int]:
    """The shape (seeds, cells) of a device's part of a tile that has about `chunk` models, however many devices there are.

    >>> tile_shape_of_chunk(np.tile(np.arange(8), 7), chunk=14), tile_shape_of_chunk(np.zeros(1), chunk=100_000)
    ((2, 7), (1, 1))
    """
    _, counts = np.unique(seeds, return_counts=True)
    cells = _even(int(counts.max()), chunk)
    return min(max(1, chunk // cells), int(np.sum(-(-counts // cells)))), cells


def cover(seeds: np.ndarray, places: np.ndarray, shape: tuple[int, int]) -> list[Tile]:
    """Tiles of one shape that cover the models at some places of a group, one seed per row; padding repeats a model."""
    order = places[np.argsort(seeds[places], kind="stable")]
    by_seed = np.split(order, np.flatnonzero(np.diff(seeds[order])) + 1) if order.size else []
    height, width = shape
    rows = [run[start : start + width] for run in by_seed for start in range(0, len(run), width)]
    tiles = []
    for start in range(0, len(rows), height):
        of_tile = rows[start : start + height]
        of_tile += [of_tile[0][:0]] * (height - len(of_tile))
        real = np.arange(width) < np.array([len(row) for row in of_tile])[:, None]
        padded = np.array([row[0] if len(row) else of_tile[0][0] for row in of_tile])[:, None] + np.zeros_like(real, int)
        padded[real] = np.concatenate(of_tile)
        tiles.append(Tile(padded, real))
    return tiles


def _even(total: int, most: int) -> int:
    """The largest of the fewest nearly equal sizes of at most `most` that add up to `total`."""
    return -(-total // -(-total // min(total, most)))
