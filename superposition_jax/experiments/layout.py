"""What all figures share: panels of fixed size, axes with a sweep's labels and scales, titles, legends, colours and markers."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import ArrayLike

from superposition_jax.experiments.components import LEVELS
from superposition_jax.results.labels import label, spread_widely, values
from superposition_jax.results.select import directions, seed_dim

DIVERGED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.55", "hatch": "////", "linewidth": 0.0}
"""Style of the patch that stands for a diverged model."""
COLOURS = mpl.colormaps["cividis"]
"""Readable in grey and for the colour-blind."""
MARKERS = "osD^vP*Xhp<>d8"


def colour(number: int, count: int) -> tuple[float, float, float, float]:
    """The colour of one of several lines."""
    return COLOURS(0.95 * number / max(1, count - 1))


def marker(number: int) -> str:
    """The marker of one of several lines."""
    return MARKERS[number % len(MARKERS)]


def seeds_note(dataset: xr.Dataset) -> str:
    """How many seeds are behind a point: `16 seeds` or `one seed`."""
    dim = seed_dim(dataset)
    return f"{dataset.sizes[dim]} seeds" if dim is not None and dataset.sizes[dim] > 1 else "one seed"


def set_title(figure: Figure, dataset: xr.Dataset, text: str, size: int = 11) -> Figure:
    """The figure, with the run's name and a text above (`uniform: best of 4 seeds`), in letters that let no line be cut off."""
    lines = f"{dataset.attrs.get('name', '')}: {text}".split("\n")
    width = max(TextPath((0, 0), line, size=size).get_extents().width for line in filter(str.strip, lines)) / 72
    figure.suptitle("\n".join(lines), fontsize=size * min(1, 0.98 * figure.get_figwidth() / width))
    return figure


def sizes(dataset: xr.Dataset) -> tuple[str, str]:
    """Numbers of features and of hidden dimensions of the models that are ok, in words: `20`, `5 or 10`, `5 to 40`."""
    weights = directions(dataset).notnull()
    counts = [np.unique(weights.isel({other: 0}).sum(dim)) for dim, other in (("feature", "hidden"), ("hidden", "feature"))]
    counts = [count[count > 0].tolist() for count in counts]
    n, m = (f"{count[0]} to {count[-1]}" if len(count) > 2 else " or ".join(map(str, count)) for count in counts)
    return n, m


def set_scale(axes, dataset: xr.Dataset, dim: str | None) -> np.ndarray:
    """The positions of a dimension's values on a matplotlib x axis, which gets its label and scale; 0 for None (a single cell).

    The axis is logarithmic where the values are spread widely, and has the densest at the left.
    """
    if dim is None:
        return np.zeros(1)
    coordinate = values(dataset, dim)
    axes.set_xlabel(label(dataset, dim))
    if not np.issubdtype(coordinate.dtype, np.number):
        axes.set_xticks(range(coordinate.size), [str(value) for value in coordinate.values])
        return np.arange(coordinate.size)
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


def extent(numbers: ArrayLike) -> tuple[float, float]:
    """The least and the greatest of the finite numbers; 0 and 1 if there are none.

    >>> extent([2.0, np.nan, -1.0]), extent([np.nan])
    ((-1.0, 2.0), (0.0, 1.0))
    """
    finite = np.asarray(numbers, float)[np.isfinite(numbers)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def set_log(axis, values: np.ndarray) -> None:
    """Make a matplotlib axis logarithmic, with plain numbers at the decades, or at 1, 2 and 5 where there are few decades."""
    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    low, high = extent(np.where(values > 0, values, np.nan))
    axis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if not low or high < 300 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def set_cells(axes, dataset: xr.Dataset, places: Sequence[Mapping[str, int]]) -> None:
    """Label the x positions 0, 1, … with the values that cells have on their first dimension."""
    words = [label(dataset, *position).split("= ")[-1] for place in places for position in [*place.items()][:1]]
    axes.set_xticks(range(len(places)), words or [""], fontsize=8)
    axes.set_xlabel(label(dataset, next(iter(places[0]))) if words else "")


def set_cube(axes, reach: float) -> None:
    """Limit every axis to ±reach, without ticks."""
    for axis in "xyz" if axes.name == "3d" else "xy":
        axes.set(**{f"{axis}lim": (-reach, reach), f"{axis}ticks": []})


def in_space(w: np.ndarray, least: int = 3, *, turn: bool = False) -> np.ndarray:
    """W (…, hidden, feature) in at most three hidden dimensions, with rows of zeros up to the least number of them.

    Where there are more, or to `turn` fewer, these are the first principal directions of the last matrix.
    """
    if turn or w.shape[-2] > 3:
        w = np.linalg.svd(w.reshape(-1, *w.shape[-2:])[-1])[0].T[:3] @ w
    return np.pad(w, [*[(0, 0)] * (w.ndim - 2), (0, max(0, least - w.shape[-2])), (0, 0)])


def draw_levels(axes, style: str) -> None:
    """Lines at the dimensionalities of features in regular solids, with the solids' names at the right."""
    for text, value in LEVELS.items():
        axes.axhline(value, color="#c06000", lw=0.7, ls=style)
        side = {"pentagon ⅖": "bottom", "square antiprism ⅜": "top"}.get(text, "center")
        axes.text(1.01, value, text, transform=axes.get_yaxis_transform(), va=side, fontsize=8)


def panels(
    rows: int,
    columns: int,
    size: tuple[float, float],
    *,
    gap: tuple[float, tuple[float, ...]] = (0.0, (0.0,)),
    margin: tuple[float, float, float, float],
    heights: tuple[float, ...] = (1.0,),
    projection: str | None = None,
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
    for row, column in np.ndindex(rows, columns):
        x, y = left + column * (size[0] + gap[0]), height - top - sum(tall[: row + 1]) - sum(below[:row])
        box = (x / width, y / height, size[0] / width, tall[row] / height)
        grid[row, column] = figure.add_axes(box, projection=projection)
    return figure, grid


def share_labels(grid: np.ndarray) -> None:
    """Label the panels of a grid at its left and lower edge only."""
    for axes in grid[:-1].ravel():
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
    for axes in grid[:, 1:].ravel():
        axes.set_ylabel("")
        axes.tick_params(labelleft=False)


def first(items: list[Any], count: int) -> tuple[list[Any], str]:
    """The first items, as many as a figure has room for, and a note on how many more there are."""
    return items[:count], f"; {len(items) - count} more not shown" if len(items) > count else ""


def colour_bar(figure: Figure, beside, colours, norm, text: str, extend: str) -> None:
    """A colour bar in the right margin, as high as the panel `beside`."""
    box, width = beside.get_position(), figure.get_figwidth()
    axes = figure.add_axes((box.x1 + 0.15 / width, box.y0, 0.12 / width, box.height))
    figure.colorbar(mpl.cm.ScalarMappable(norm, colours), cax=axes, label=text, extend=extend)


def legend(figure: Figure) -> None:
    """One legend for all panels, at the right of the figure, if anything in them is labelled."""
    handles = {}
    for axes in figure.axes:
        handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    if any(handles):
        right = figure.axes[-1].get_position().x1
        figure.legend(handles.values(), handles.keys(), loc="center left", bbox_to_anchor=(right, 0.5), frameon=False, fontsize=9)
