"""What all figures share: a sweep's axes with their labels and scales, and panels of fixed size."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from superposition_jax.results.labels import label, spread_widely, values
from superposition_jax.results.select import cell_dims, seed_dim

DIVERGED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.55", "hatch": "////", "linewidth": 0.0}
"""The place of a model that there is none of."""


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
    if spread_widely(positions):
        set_log(axes.xaxis, positions)
    elif positions.min() == 0 and positions.max() >= 20 * min(positions[positions > 0], default=np.inf):
        axes.set_xscale("symlog", linthresh=positions[positions > 0].min())
        axes.set_xticks(positions, [f"{value:g}" for value in positions], rotation=60, fontsize=8)
        axes.xaxis.set_minor_locator(NullLocator())
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


def lines(dataset: xr.Dataset, across) -> Iterator[tuple[str, dict, tuple]]:
    """Label, selection and colour of every line: one a value of the longest other axis; further axes stay at their first."""
    dims = [d for d in cell_dims(dataset) if d != across]
    first = dict.fromkeys(dims, 0)
    if not dims:
        yield "", first, mpl.colormaps["cividis"](0.3)
        return
    by = max(dims, key=lambda d: dataset.sizes[d])
    for place in range(dataset.sizes[by]):
        colour = mpl.colormaps["cividis"](0.95 * place / max(1, dataset.sizes[by] - 1))
        yield label(dataset, by, place), first | {by: place}, colour


def fixed(dataset: xr.Dataset, across) -> str:
    """Axes that the figure does not show, and where they are held."""
    dims = [d for d in cell_dims(dataset) if d != across]
    hidden = [d for d in dims if d != max(dims, key=lambda d: dataset.sizes[d])]
    return "".join(f", {label(dataset, d, 0)}" for d in hidden)


def columns(dataset: xr.Dataset, across) -> tuple[list[tuple[str, xr.Dataset]], str]:
    """What is at each place of the longest other axis, with its name; and in words where further axes stay, at their first."""
    return [(name, dataset.isel(here)) for name, here, _ in lines(dataset, across)], fixed(dataset, across)


def spread(values: xr.DataArray, seed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, least and greatest over seeds."""
    if seed is None:
        return values.values, values.values, values.values
    return values.median(seed).values, values.min(seed).values, values.max(seed).values


def legend(figure: Figure) -> None:
    """One legend at the figure's right of whatever its panels have, if that has labels."""
    found = {}
    for axes in figure.axes:
        found |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    if any(found):
        right = figure.axes[-1].get_position().x1
        figure.legend(found.values(), found.keys(), loc="center left", bbox_to_anchor=(right, 0.5), frameon=False, fontsize=9)


def mean_error(values: xr.DataArray, seed) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean over seeds and its standard error, of what is finite; no error of one seed."""
    if seed is None:
        return values.values, None
    return values.mean(seed).values, (values.std(seed, ddof=1) / values.count(seed) ** 0.5).values
