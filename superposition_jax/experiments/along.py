"""Panels of measures along one axis of a sweep, with the spread over seeds."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax.experiments import layout
from superposition_jax.results import select

LOSS = ("loss / loss of best constant", True)
REPRESENTED = ("represented features (‖Wᵢ‖ > ½)", False)
"""Labels of panels, and whether they are logarithmic."""
_MARKERS = "osD^vP*X"


def longest(dataset: xr.Dataset) -> str | None:
    """The sweep's longest dimension other than the seeds'; None for a single cell."""
    return max(select.cell_dims(dataset), key=lambda dim: dataset.sizes[dim], default=None)


def measures_along(dataset: xr.Dataset, panels: dict[str, tuple[str, bool]], across: str | None) -> Figure:
    """Results {name: (label, logarithmic)} along a dimension, a panel each: median over seeds, best seed, and the range."""
    seed, best = select.seed_dim(dataset), select.best_seed(dataset)
    several = len(list(layout.lines(dataset, across))) > 1  # and so a legend
    figure, grid = layout.panels(1, len(panels), (2.4, 2.6), gap=(0.85, (0.0,)), margin=(0.85, 2.0 if several else 0.3, 0.6, 0.5))
    for axes, (name, (title, log)) in zip(grid[0], panels.items(), strict=True):
        x = layout.set_scale(axes, dataset, across) if across is not None else np.zeros(1)
        for number, (label, here, colour) in enumerate(layout.lines(dataset, across)):
            middle, low, high = (np.atleast_1d(v) for v in layout.spread(dataset[name].isel(here), seed))
            axes.plot(x, middle, color=colour, marker=_MARKERS[number % len(_MARKERS)], markersize=4, label=label)
            axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            if seed is not None:
                axes.plot(x, np.atleast_1d(best[name].isel(here)), "_", color=colour, markersize=9)
        axes.set_ylabel(title)
        if log:
            layout.set_log(axes.yaxis, dataset[name].values)
        else:
            axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=np.issubdtype(dataset[name].dtype, np.integer)))
    layout.legend(figure)
    bars = "median, range and seed of least loss (–) of" if seed is not None else ""
    figure.suptitle(
        fontsize=11, t=f"{dataset.attrs.get('name', '')}: {bars} {layout.seeds_note(dataset)}{layout.fixed(dataset, across)}"
    )
    return figure
