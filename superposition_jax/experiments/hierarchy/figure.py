"""Levels of the hypothesis that models are on, and what decides them, as trained and in another basis."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superposition_jax.experiments import layout
from superposition_jax.experiments.hierarchy import LEVELS
from superposition_jax.experiments.hierarchy.table import kinds, title
from superposition_jax.results import labels, select

_MOST = 6
_LEAST = 0.01
"""Top of a panel at least, so that rounding does not look like an effect."""
_COLOURS = mpl.colormaps["cividis"]
_PANELS = {
    "linear_share": ("linear: R² of Σ xᵢdᵢ", False),
    "interaction_share": ("interactions / Var h", False),
    "aligned": ("alignment of features", False),
    "features_a_neuron": ("features a neuron", False),
    "information_share": ("information / entropy", False),
    "basis_loss": ("loss", True),
}


def hierarchy(dataset: xr.Dataset) -> Figure:
    """Share of seeds that are on each level, a panel a model; a ring where the seed of least loss is.

    Elhage et al. 2022, "Definitions and Motivation".
    """
    seed, along = select.seed_dim(dataset), select.across(dataset)
    shown, more = _first(kinds(dataset, along))
    share, best = (dataset["on_level"] if seed is None else dataset["on_level"].mean(seed)), select.best_seed(dataset)["on_level"]
    count = 1 if along is None else dataset.sizes[along]
    size = (max(1.6, 0.36 * count), 0.36 * len(LEVELS))
    figure, grid = layout.panels(1, len(shown), size, gap=(0.25, (0.0,)), margin=(1.45, 1.0, 0.85, 0.75))
    for number, (axes, here) in enumerate(zip(grid[0], shown, strict=True)):
        values, rings = (_table(array.isel(here), along) for array in (share, best))
        axes.imshow(values, cmap=_COLOURS, vmin=0, vmax=1, aspect="auto")
        for row, column in np.argwhere(rings == 1):
            axes.plot(column, row, "o", ms=8, mfc="none", mec="white" if values[row, column] < 0.5 else "black")
        axes.set_title(_broken(title(dataset, here)), fontsize=8)
        axes.set_yticks(range(len(LEVELS)), [*LEVELS] if number == 0 else [""] * len(LEVELS))
        words = [labels.label(dataset, along, k).split("= ")[-1] for k in range(count)] if along is not None else [""]
        axes.set_xticks(range(count), words, fontsize=8, rotation=90)
        axes.set_xlabel("" if along is None else labels.label(dataset, along))
        axes.tick_params(length=0)
    bar = f"share of {layout.seeds_note(dataset)}"
    layout.colour_bar(figure, grid[0, -1], _COLOURS, Normalize(0, 1), bar, "neither")
    ring = "; ring: so is the seed of least loss" if seed is not None else ""
    figure.suptitle(f"{dataset.attrs.get('name', '')}: which levels models are on{ring}{more}", fontsize=10)
    return figure


def bases(dataset: xr.Dataset) -> Figure:
    """What decides the levels: median and range of seeds as trained (full) and after a rotation of the hidden layer (dashed).

    Dotted: the mean alignment 3/(m + 2) of random directions.
    """
    seed, along = select.seed_dim(dataset), select.across(dataset)
    shown, more = _first(kinds(dataset, along))
    margin = (0.85, 2.9, 0.6, 0.5)
    figure, grid = layout.panels(2, 3, (2.4, 2.1), gap=(0.85, (0.65,)), margin=margin)
    for axes, (name, (words, log)) in zip(grid.flat, _PANELS.items(), strict=True):
        x = layout.set_scale(axes, dataset, along) if along is not None else np.zeros(1)
        for number, here in enumerate(shown):
            colour, marker = _COLOURS(0.95 * number / max(1, len(shown) - 1)), "osD^vP"[number]
            for basis, style in enumerate(("-", "--")):
                spread = layout.spread(dataset[name].isel(here | {"basis": basis}), seed)
                middle, low, high = (np.atleast_1d(values) for values in spread)
                text, fill = (_broken(title(dataset, here)), None)[basis], (colour, "none")[basis]
                axes.plot(x, middle, style, color=colour, marker=marker, ms=3 + basis, mfc=fill, label=text)
                if basis == 0:
                    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_ylabel(words)
        if log:
            layout.set_log(axes.yaxis, dataset[name].values)
        else:
            axes.set_ylim(0, max(axes.get_ylim()[1], _LEAST))
            axes.yaxis.set_major_locator(MaxNLocator(5))
        if name == "aligned" and not select.varies(dataset, "model.n_hidden"):
            axes.axhline(3 / (dataset.sizes["hidden"] + 2), color="0.3", ls=":")
    layout.legend(figure)
    bars = "median and range (band) of " if seed is not None else ""
    note = f"{bars}{layout.seeds_note(dataset)}; dashed: hidden layer turned at random; dotted: random directions{more}"
    figure.suptitle(f"{dataset.attrs.get('name', '')}: {note}", fontsize=10)
    return figure


def _first(every: list[dict[str, int]]) -> tuple[list[dict[str, int]], str]:
    """As many as are drawn, and in words how many more there are."""
    return every[:_MOST], f"; {len(every) - _MOST} more not shown" if len(every) > _MOST else ""


def _table(values: xr.DataArray, along: str | None) -> np.ndarray:
    """(level, place)."""
    return values.transpose("level", *([along] if along is not None else [])).values.reshape(len(LEVELS), -1)


def _broken(words: str) -> str:
    """In two lines where it is long."""
    return words.replace(" by ", " by\n").replace(", ", ",\n", 1)
