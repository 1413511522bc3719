"""The levels that models are on, and the measures that decide them, as trained and in another basis."""

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.hierarchy import LEVELS, table
from superposition_jax.results import select

_MOST = 6
"""The most kinds of models that are shown."""
_LEAST = 0.01
"""The least upper end of a panel, so that rounding does not look like an effect."""
_PANELS = {
    "linear_share": ("linear: R² of Σ xᵢdᵢ", False),
    "interaction_share": ("interactions / Var h", False),
    "aligned": ("alignment of features", False),
    "features_a_neuron": ("features a neuron", False),
    "information_share": ("information / entropy", False),
    "basis_loss": ("loss", True),
}


def hierarchy(dataset: xr.Dataset) -> Figure:
    """Share of seeds on each level by kind of model; rings: the best seed. Elhage et al. 2022, "Definitions and Motivation"."""
    seed, across = select.seed_dim(dataset), select.across(dataset)
    shown, more = layout.first(table.kinds(dataset, across), _MOST)
    share, best = (dataset["on_level"] if seed is None else dataset["on_level"].mean(seed)), select.best_seed(dataset)["on_level"]
    columns = [{}] if across is None else [{across: k} for k in range(dataset.sizes[across])]
    size = (max(1.6, 0.36 * len(columns)), 0.36 * len(LEVELS))
    figure, grid = layout.panels(1, len(shown), size, gap=(0.25, (0.0,)), margin=(1.45, 1.0, 0.85, 0.75))
    for number, (axes, place) in enumerate(zip(grid[0], shown, strict=True)):
        values, rings = (array.isel(place).transpose("level", ...).values.reshape(len(LEVELS), -1) for array in (share, best))
        axes.imshow(values, cmap=layout.COLOURS, vmin=0, vmax=1, aspect="auto")
        for row, column in np.argwhere(rings == 1):
            axes.plot(column, row, "o", ms=8, mfc="none", mec="white" if values[row, column] < 0.5 else "black")
        axes.set_title(_in_lines(dataset, place), fontsize=8)
        axes.set_yticks(range(len(LEVELS)), [*LEVELS] if number == 0 else [""] * len(LEVELS))
        layout.set_cells(axes, dataset, columns)
        axes.tick_params(length=0)
        axes.tick_params(axis="x", rotation=90)
    layout.colour_bar(figure, grid[0, -1], layout.COLOURS, Normalize(0, 1), f"share of {layout.seeds_note(dataset)}", "neither")
    ring = "; ring: so is the seed of least loss" if seed is not None else ""
    return layout.set_title(figure, dataset, f"which levels models are on{ring}{more}", size=10)


def bases(dataset: xr.Dataset) -> Figure:
    """What decides the levels: medians and ranges (solid), after a rotation (dashed); random directions' alignment 3/(m + 2)."""
    seed, across = select.seed_dim(dataset), select.across(dataset)
    shown, more = layout.first(table.kinds(dataset, across), _MOST)
    figure, grid = layout.panels(2, 3, (2.4, 2.1), gap=(0.85, (0.65,)), margin=(0.85, 2.9, 0.6, 0.5))
    for axes, (name, (words, log)) in zip(grid.flat, _PANELS.items(), strict=True):
        x = layout.set_scale(axes, dataset, across)
        for number, place in enumerate(shown):
            look = {"color": layout.colour(number, len(shown)), "marker": layout.marker(number)}
            trained, rotated = (dataset[name].isel(place | {"basis": basis}) for basis in (0, 1))
            along.draw_range(axes, x, rotated, seed, "--", alpha=0, ms=4, mfc="none", **look)
            along.draw_range(axes, x, trained, seed, alpha=0.15, ms=3, label=_in_lines(dataset, place), **look)
            if name == "aligned":
                ink = look["color"] if select.varies(dataset, "model.n_hidden") else "0.3"
                axes.plot(x, np.broadcast_to(3 / (along.hidden(dataset.isel(place)) + 2), x.shape), ":_", color=ink)
        axes.set_ylabel(words)
        if dataset[name].isnull().all():
            axes.text(0.5, 0.5, "not defined", ha="center", transform=axes.transAxes)
        if log:
            layout.set_log(axes.yaxis, dataset[name].values)
        else:
            axes.set_ylim(0, max(axes.get_ylim()[1], _LEAST))
            axes.yaxis.set_major_locator(MaxNLocator(5))
    layout.legend(figure)
    bars = "median and range (band) of " if seed is not None else ""
    note = f"{bars}{layout.seeds_note(dataset)}; dashed: hidden layer turned at random; dotted: random directions{more}"
    return layout.set_title(figure, dataset, note, size=10)


def _in_lines(dataset: xr.Dataset, place: dict[str, int]) -> str:
    return table.title(dataset, place).replace(" by ", " by\n").replace(", ", ",\n", 1)
