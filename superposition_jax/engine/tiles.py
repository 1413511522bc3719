"""Tiles: rectangles of models, (seed, cell), that a program trains at once."""

from typing import NamedTuple

import numpy as np


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


def _even(total: int, most: int) -> int:
    """Size of the fewest equal pieces of at most `most` that cover `total`."""
    return -(-total // -(-total // min(total, most)))
