"""What all figures share: a sweep's axes with their labels and scales, and panels of fixed size."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from superposition_jax.labels import label, seed_dim, values


def seeds_note(dataset: xr.Dataset) -> str:
    """How many seeds stand behind a point, in words."""
    dim = seed_dim(dataset)
    return f"{dataset.sizes[dim]} seeds" if dim is not None and dataset.sizes[dim] > 1 else "one seed"


def set_scale(axes, dataset: xr.Dataset, dim: str) -> np.ndarray:
    """Label a matplotlib x axis for a dimension and return its positions; log where values are spread so, dense at the left."""
    coordinate = values(dataset, dim)
    axes.set_xlabel(label(dataset, dim))
    if not np.issubdtype(coordinate.dtype, np.number):
        places = np.arange(coordinate.size)
        axes.set_xticks(places, [str(value) for value in coordinate.values])
        return places
    positions = coordinate.values.astype(float)
    if positions.min() > 0 and positions.max() / positions.min() >= 20:
        set_log(axes.xaxis, positions)
    if coordinate.name == "density":
        axes.invert_xaxis()
    return positions


def set_log(axis, values: np.ndarray) -> None:
    """Make a matplotlib axis logarithmic, with plain numbers at the decades, or at 1, 2 and 5 where there are few decades."""
    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    finite = values[np.isfinite(values) & (values > 0)]
    few = finite.size == 0 or finite.max() / finite.min() < 300
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if few else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def panels(
    rows: int,
    columns: int,
    size: tuple[float, float],
    *,
    gap: tuple[float, tuple[float, ...]],
    margin: tuple[float, float, float, float],
    heights: tuple[float, ...] = (1.0,),
) -> tuple[Figure, np.ndarray]:
    """A figure of panels and its axes (row, column), in inches: panel size, gaps (x, below each row), margins
    (left, right, bottom, top).

    Relative heights and the gaps below rows repeat. Laid out by hand: a layout engine would take longer than a sweep trains.
    """
    left, right, bottom, top = margin
    tall = [heights[row % len(heights)] * size[1] for row in range(rows)]
    below = [gap[1][row % len(gap[1])] for row in range(rows - 1)]
    width, height = left + columns * size[0] + (columns - 1) * gap[0] + right, bottom + sum(tall) + sum(below) + top
    figure, grid = Figure(figsize=(width, height)), np.empty((rows, columns), object)
    for row in range(rows):
        y = height - top - sum(tall[: row + 1]) - sum(below[:row])
        for column in range(columns):
            x = left + column * (size[0] + gap[0])
            grid[row, column] = figure.add_axes((x / width, y / height, size[0] / width, tall[row] / height))
    return figure, grid


def colour_bar(figure: Figure, beside, colours, norm, text: str, extend: str) -> None:
    """A colour bar of its own axes in the right margin, as high as the panel `beside`."""
    box, width = beside.get_position(), figure.get_figwidth()
    axes = figure.add_axes((box.x1 + 0.15 / width, box.y0, 0.12 / width, box.height))
    figure.colorbar(mpl.cm.ScalarMappable(norm, colours), cax=axes, label=text, extend=extend)
