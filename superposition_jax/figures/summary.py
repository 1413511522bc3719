"""Figures for any sweep: measures along its longest axis, and loss curves, with the spread over seeds."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax import labels
from superposition_jax.figures import layout

_PANELS = {
    "loss_relative": ("loss / loss of best constant", True),
    "represented": ("represented features (‖Wᵢ‖ > ½)", False),
    "dims_per_feature": ("D* = m / ‖W‖²", False),
    "dead_outputs": ("dead outputs", False),
}
_MARKERS = "osD^vP*X"


def _lines(dataset: xr.Dataset, across) -> Iterator[tuple[str, dict, tuple]]:
    """Label, selection and colour of every line: one a value of the longest other axis; further axes stay at their first."""
    dims = [d for d in labels.cell_dims(dataset) if d != across]
    first = dict.fromkeys(dims, 0)
    if not dims:
        yield "", first, mpl.colormaps["cividis"](0.3)
        return
    by = max(dims, key=lambda d: dataset.sizes[d])
    for place in range(dataset.sizes[by]):
        colour = mpl.colormaps["cividis"](0.95 * place / max(1, dataset.sizes[by] - 1))
        yield labels.label(dataset, by, place), first | {by: place}, colour


def _fixed(dataset: xr.Dataset, across) -> str:
    """Axes that the figure does not show, and where they are held."""
    dims = [d for d in labels.cell_dims(dataset) if d != across]
    hidden = [d for d in dims if d != max(dims, key=lambda d: dataset.sizes[d])]
    return "".join(f", {labels.label(dataset, d, 0)}" for d in hidden)


def _spread(values: xr.DataArray, seed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, least and greatest over seeds."""
    if seed is None:
        return values.values, values.values, values.values
    return values.median(seed).values, values.min(seed).values, values.max(seed).values


def summary(dataset: xr.Dataset) -> Figure:
    """Four measures along the longest axis: median over seeds with the whole range as a band."""
    dims, seed = labels.cell_dims(dataset), labels.seed_dim(dataset)
    across = max(dims, key=lambda d: dataset.sizes[d]) if dims else None
    figure, grid = layout.panels(1, len(_PANELS), (2.4, 2.6), gap=(0.85, (0.0,)), margin=(0.85, 2.0, 0.6, 0.5))
    for axes, (name, (title, log)) in zip(grid[0], _PANELS.items(), strict=True):
        x = layout.set_scale(axes, dataset, across) if across is not None else np.zeros(1)
        for number, (label, here, colour) in enumerate(_lines(dataset, across)):
            middle, low, high = (np.atleast_1d(v) for v in _spread(dataset[name].isel(here), seed))
            axes.plot(x, middle, color=colour, marker=_MARKERS[number % len(_MARKERS)], markersize=4, label=label)
            axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set_ylabel(title)
        if log:
            layout.set_log(axes.yaxis, dataset[name].values)
        else:
            axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))
            axes.yaxis.set_major_locator(MaxNLocator(5, integer=np.issubdtype(dataset[name].dtype, np.integer)))
    _legend(figure)
    figure.suptitle(
        fontsize=11,
        t=f"{dataset.attrs.get('name', '')}: median and range of {layout.seeds_note(dataset)}{_fixed(dataset, across)}",
    )
    return figure


def loss_curves(dataset: xr.Dataset) -> Figure:
    """Training loss against step, median over seeds with the whole range as a band, one line a value of the longest axis."""
    seed = labels.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), gap=(0, (0.0,)), margin=(0.8, 1.9, 0.6, 0.5))
    for label, here, colour in _lines(dataset, None):
        middle, low, high = _spread(dataset["loss_curve"].isel(here), seed)
        there = np.isfinite(middle)  # runs of another length have points at other steps
        axes.plot(dataset["step"][there], middle[there], color=colour, label=label)
        axes.fill_between(dataset["step"][there], low[there], high[there], color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="step", ylabel="training loss, sum over features")
    layout.set_log(axes.xaxis, dataset["step"].values)
    layout.set_log(axes.yaxis, dataset["loss_curve"].values)
    _legend(figure)
    figure.suptitle(
        fontsize=11,
        t=f"{dataset.attrs.get('name', '')}: median and range of {layout.seeds_note(dataset)}{_fixed(dataset, None)}",
    )
    return figure


def _legend(figure: Figure) -> None:
    """One legend for the figure, at its right, if its lines have labels."""
    handles, words = figure.axes[0].get_legend_handles_labels()
    if any(words):
        right = figure.axes[-1].get_position().x1
        figure.legend(handles, words, loc="center left", bbox_to_anchor=(right, 0.5), frameon=False, fontsize=9)
