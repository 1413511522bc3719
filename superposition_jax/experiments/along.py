"""Results along one axis of a sweep: a line for every value of another axis, with the spread over seeds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax.experiments import layout
from superposition_jax.experiments.over_seeds import standard_error
from superposition_jax.results import labels, select

LOSS = ("loss / loss of best constant", True)
REPRESENTED = ("represented features (‖Wᵢ‖ > ½)", False)
"""Labels of panels, and whether they are logarithmic."""


def longest(dataset: xr.Dataset, without: str | None = None) -> str | None:
    """The sweep's longest dimension other than the seeds' and another one; None if there is none."""
    return max((dim for dim in select.cell_dims(dataset) if dim != without), key=lambda dim: dataset.sizes[dim], default=None)


def lines(dataset: xr.Dataset, across: str | None) -> Iterator[tuple[str, dict[str, int], tuple]]:
    """Label, place and colour of every line: one for each value of the longest axis but `across`, further axes at `first_ok`."""
    by = longest(dataset, across)
    hidden = select.first_ok(dataset, across, by)
    if by is None:
        yield "", hidden, layout.COLOURS(0.3)
        return
    for place in range(dataset.sizes[by]):
        yield labels.label(dataset, by, place), hidden | {by: place}, layout.colour(place, dataset.sizes[by])


def fixed(dataset: xr.Dataset, *shown: str | None) -> str:
    """The places of the axes that a figure does not show, to append to a title: `, n_hidden = 5, rate = 0.1`."""
    return "".join(f", {labels.label(dataset, dim, place)}" for dim, place in select.first_ok(dataset, *shown).items())


def at_first(dataset: xr.Dataset, *shown: str | None) -> xr.Dataset:
    """The Dataset at the first place with a model that is ok on every axis but the seeds' and those shown."""
    return dataset.isel(select.first_ok(dataset, *shown))


def hidden(dataset: xr.Dataset) -> xr.DataArray:
    """Numbers of hidden dimensions of the models, along their axis if they have one; arrays have the size of the largest."""
    on_axes = (c for c in dataset.coords.values() if c.attrs.get("path") == "model.n_hidden")
    return next(on_axes, xr.DataArray(select.config(dataset)["model"]["n_hidden"]))


def columns(dataset: xr.Dataset, across: str | None) -> tuple[list[tuple[str, xr.Dataset]], str]:
    """The columns of a figure, as the label and Dataset of each of `lines`, and the places at which further axes are `fixed`."""
    shown = [(name, dataset.isel(place)) for name, place, _ in lines(dataset, across)]
    return shown, fixed(dataset, across, longest(dataset, across))


def draw_range(axes, x: np.ndarray, values: xr.DataArray, seed: str | None, *style: str, alpha: float = 0.2, **look: Any) -> None:
    """A line of medians over seeds, and the range of the seeds as a band, none for alpha 0."""
    middle, low, high = (np.atleast_1d(ends) for ends in spread(values, seed))
    (line,) = axes.plot(x, middle, *style, **look)
    if alpha:
        axes.fill_between(x, low, high, color=line.get_color(), alpha=alpha, linewidth=0)


def draw_means(axes, x: np.ndarray, values: xr.DataArray, seed: str | None, **look: Any) -> None:
    """Means of the finite values over seeds, with standard errors; none for one seed."""
    mean, error = (values, None) if seed is None else (values.mean(seed), standard_error(values, seed))
    axes.errorbar(x, np.atleast_1d(mean), error, **look)


def spread(values: xr.DataArray, seed: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, least and greatest over seeds."""
    if seed is None:
        return values.values, values.values, values.values
    return values.median(seed).values, values.min(seed).values, values.max(seed).values


def measures_along(dataset: xr.Dataset, panels: dict[str, tuple[str, bool]], across: str | None) -> Figure:
    """Results {name: (label, logarithmic)} along a dimension, a panel each: median over seeds, best seed, and the range."""
    seed, best = select.seed_dim(dataset), select.best_seed(dataset)
    right = 2.0 if len(list(lines(dataset, across))) > 1 else 0.3
    figure, grid = layout.panels(1, len(panels), (2.4, 2.6), gap=(0.85, (0.0,)), margin=(0.85, right, 0.6, 0.5))
    for axes, (name, (title, log)) in zip(grid[0], panels.items(), strict=True):
        x = layout.set_scale(axes, dataset, across)
        for number, (label, place, colour) in enumerate(lines(dataset, across)):
            look: dict[str, Any] = {"color": colour, "marker": layout.marker(number), "markersize": 4, "label": label}
            draw_range(axes, x, dataset[name].isel(place), seed, **look)
            if seed is not None:
                axes.plot(x, np.atleast_1d(best[name].isel(place)), "_", color=colour, markersize=9)
        axes.set_ylabel(title)
        if log:
            layout.set_log(axes.yaxis, dataset[name].values)
        else:
            axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=np.issubdtype(dataset[name].dtype, np.integer)))
    layout.legend(figure)
    bars = "median, range and seed of least loss (–) of " if seed is not None else ""
    note = f"{bars}{layout.seeds_note(dataset)}{fixed(dataset, across, longest(dataset, across))}"
    return layout.set_title(figure, dataset, note)
