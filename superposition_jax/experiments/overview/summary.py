"""Figures for any sweep: measures along its longest axis, and loss curves, with the spread over seeds."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax.experiments import layout
from superposition_jax.results import select

_PANELS = {
    "loss_relative": ("loss / loss of best constant", True),
    "represented": ("represented features (‖Wᵢ‖ > ½)", False),
    "dims_per_feature": ("D* = m / ‖W‖²", False),
    "dead_outputs": ("dead outputs", False),
}
_MARKERS = "osD^vP*X"


def summary(dataset: xr.Dataset) -> Figure:
    """Four measures along the longest axis: median over seeds with the whole range as a band."""
    dims = select.cell_dims(dataset)
    return draw(dataset, _PANELS, max(dims, key=lambda d: dataset.sizes[d]) if dims else None)


def superposed(dataset: xr.Dataset) -> Figure:
    """How many features are represented, and how many of them in superposition, beside the loss, along the longest axis."""
    dims = select.cell_dims(dataset)
    panels = {
        "represented": _PANELS["represented"],
        "superposed": ("… of these in superposition", False),
        "loss_relative": _PANELS["loss_relative"],
    }
    return draw(dataset, panels, max(dims, key=lambda d: dataset.sizes[d]) if dims else None)


def draw(dataset: xr.Dataset, panels: dict[str, tuple[str, bool]], across: str | None) -> Figure:
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


def loss_curves(dataset: xr.Dataset) -> Figure:
    """Training loss against step, median over seeds with the whole range as a band, one line a value of the longest axis."""
    seed = select.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), gap=(0, (0.0,)), margin=(0.8, 1.9, 0.6, 0.5))
    for label, here, colour in layout.lines(dataset, None):
        middle, low, high = layout.spread(dataset["loss_curve"].isel(here), seed)
        there = np.isfinite(middle)  # runs of another length have points at other steps
        axes.plot(dataset["step"][there], middle[there], color=colour, label=label)
        axes.fill_between(dataset["step"][there], low[there], high[there], color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="step", ylabel="training loss, sum over features")
    layout.set_log(axes.xaxis, dataset["step"].values)
    layout.set_log(axes.yaxis, dataset["loss_curve"].values)
    layout.legend(figure)
    figure.suptitle(
        fontsize=11,
        t=f"{dataset.attrs.get('name', '')}: median and range of {layout.seeds_note(dataset)}{layout.fixed(dataset, None)}",
    )
    return figure
