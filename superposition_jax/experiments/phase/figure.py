"""The phase diagram: norm and superposition of the extra feature on a two-dimensional colour scale, theory beside training."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from superposition_jax.experiments import REACHED, layout
from superposition_jax.experiments.phase import PHASES, diagram
from superposition_jax.results import labels, select

_ALONE, _SHARED = np.array(mpl.colors.to_rgb("#123a7a")), np.array(mpl.colors.to_rgb("#f0a030"))
"""Colours of a feature of norm 1 alone (dark) and in superposition (of middle brightness); without norm it is white."""


def colours(norm: np.ndarray, superposition: np.ndarray) -> np.ndarray:
    """RGB (…, 3) of a norm and a superposition, both from 0 to 1; grey for NaN."""
    shared, strength = np.clip(superposition, 0, 1)[..., None], np.clip(norm, 0, 1)[..., None]
    rgb = 1 - strength * (1 - ((1 - shared) * _ALONE + shared * _SHARED))
    return np.where(np.isnan(rgb), 0.85, rgb)


def phase(dataset: xr.Dataset) -> Figure:
    """For one setting the best seeds, the paper's candidates, optimised candidates, the excess of the trained loss over theirs,
    and the share of seeds that reach the best. For several settings the best seeds and that share.

    Lines: boundaries of the optimised candidates (solid) and of the paper's (dashed). Elhage et al. 2022, "Superposition as a
    Phase Change".
    """
    settings, seeds = list(diagram.settings(dataset)), layout.seeds_note(dataset)
    if len(settings) == 1:
        shown = [[(panel, settings[0]) for panel in (_TRAINED, *(_THEORY if settings[0][1] else ()), _REACHED)]]
    else:
        shown = [[(panel, setting) for setting in settings] for panel in (_TRAINED, _REACHED)]
    rows, columns = len(shown), len(shown[0])
    figure, grid = layout.panels(rows, columns, (2.2, 2.2), gap=(0.3, (0.35,)), margin=(0.85, 1.9, 1.15, 0.75))
    for axes, (panel, (place, known)) in zip(grid.ravel(), itertools.chain(*shown), strict=True):
        _draw(axes, panel, dataset.isel(place), known)
    for axes, (panel, (place, _)) in zip(grid[0], shown[0], strict=True):
        axes.set_title(labels.place(dataset, place) if rows > 1 else panel.title.format(seeds=seeds), fontsize=9)
    if rows > 1:
        for axes, row in zip(grid[:, 0], shown, strict=True):
            axes.set_ylabel(f"{row[0][0].title.format(seeds=seeds)}\n{axes.get_ylabel()}")
    layout.share_labels(grid)
    _legend(figure, grid, shown)
    n, m = diagram.shape(dataset)
    named = {"activation": "model.activation", "law": "data.values.law"}
    fixed = [f", {key} {select.leaf(dataset, path, {})}" for key, path in named.items() if not select.varies(dataset, path)]
    return layout.set_title(figure, dataset, f"{n} features in {m} hidden dimension{'s' if m > 1 else ''}{''.join(fixed)}")


class _Panel(NamedTuple):
    """What a panel shows: its title, a function Dataset → RGB (importance, density, 3), its colour bar, and if it has lines."""

    title: str
    colours: Callable[[xr.Dataset], np.ndarray]
    bar: tuple[Any, Any, str, str] | None = None
    boundaries: bool = True


def _scaled(bar, values: Callable[[xr.Dataset], xr.DataArray]) -> Callable[[xr.Dataset], np.ndarray]:
    return lambda dataset: bar[0](bar[1](100 * _on_plane(dataset, values(dataset))[0]))[..., :3]


def _trained(dataset: xr.Dataset) -> np.ndarray:
    best = select.best_seed(dataset[["loss", "feature_norm", "superposition"]]).isel(feature=-1)
    return colours(*_on_plane(dataset, best["feature_norm"], best["superposition"]))


def _candidates(which: str) -> Callable[[xr.Dataset], np.ndarray]:
    return lambda dataset: colours(*_on_plane(dataset, *diagram.least(dataset, which)[["norm", "superposition"]].values()))


_EXCESS_BAR = layout.COLOURS, Normalize(-1, 1), "% above the optimised candidates", "both"
_REACHED_BAR = layout.COLOURS, Normalize(0, 100), f"% of seeds within {REACHED:.0%} of the best", "neither"
_TRAINED = _Panel("trained, best of {seeds}", _trained)
_REACHED = _Panel("seeds that reach the best", _scaled(_REACHED_BAR, lambda d: d["reached"]), _REACHED_BAR, boundaries=False)
_THEORY = (
    _Panel("paper's candidates", _candidates("candidate")),
    _Panel("optimised candidates", _candidates("optimised")),
    _Panel("excess of the trained loss", _scaled(_EXCESS_BAR, diagram.excess), _EXCESS_BAR),
)


def _draw(axes, panel: _Panel, dataset: xr.Dataset, known: bool) -> None:
    x, y = diagram.coordinates(dataset)
    left, low = _edges(x), _edges(y)
    axes.pcolormesh(left, low, panel.colours(dataset), rasterized=True)
    (loss,) = _on_plane(dataset, select.best_seed(dataset[["loss"]])["loss"])
    for row, column in zip(*np.nonzero(~np.isfinite(loss)), strict=True):
        size = np.diff(left)[column], np.diff(low)[row]
        axes.add_patch(Rectangle((left[column], low[row]), *size, **layout.DIVERGED))
    for axis, values, name in ((axes.xaxis, x, "density 1 − S"), (axes.yaxis, y, "importance of the extra feature")):
        layout.set_log(axis, values)
        axis.set_label_text(name)
    axes.tick_params(labelsize=8)
    axes.set(xlim=sorted(left[[0, -1]], reverse=True), ylim=sorted(low[[0, -1]]))
    if known and panel.boundaries:
        _boundaries(axes, dataset, x, y)


def _on_plane(dataset: xr.Dataset, *values: xr.DataArray) -> list[np.ndarray]:
    return [value.transpose(*diagram.plane(dataset)[::-1]).values for value in values]


def _edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around log-spaced centres."""
    logs = np.log(centres)
    half = np.diff(logs) / 2 if len(logs) > 1 else np.array([0.1])
    return np.exp(np.concatenate([[logs[0] - half[0]], logs[:-1] + half, [logs[-1] + half[-1]]]))


def _boundaries(axes, dataset: xr.Dataset, x: np.ndarray, y: np.ndarray) -> None:
    """Lines where the least losses of two phases' candidates are equal, and the third phase's is not lower."""
    if min(len(x), len(y)) < _FEWEST:
        return
    for which, (style, colour, width) in _LINES.items():
        theory = diagram.theory(dataset, which).transpose("candidate", *diagram.plane(dataset)[::-1])
        loss, phases = theory["loss"].values, theory["phase"].values
        by_phase = np.stack([np.where(phases == k, loss, np.inf).min(axis=0) for k in range(len(PHASES))])
        for one, other in itertools.combinations(range(len(PHASES)), 2):
            third = np.delete(by_phase, (one, other), axis=0)[0]
            with np.errstate(invalid="ignore", divide="ignore"):
                ahead = np.clip(np.log(by_phase[one] / by_phase[other]), -1, 1)
            ahead = np.where(third < 0.999 * np.minimum(by_phase[one], by_phase[other]), np.nan, ahead)
            if np.isfinite(ahead).any() and np.nanmin(ahead) < 0 < np.nanmax(ahead):
                axes.contour(x, y, ahead, [0.0], colors=colour, linewidths=width, linestyles=[style])


_FEWEST = 10
"""Fewest cells along an axis for which boundaries are drawn."""
_LINES = {"optimised": ("solid", "black", 0.9), "candidate": ("dashed", "#a02020", 1.1)}


def _legend(figure: Figure, grid: np.ndarray, shown) -> None:
    """The two-dimensional colour scale and the lines' legend at the right, colour bars below their panels."""
    corner, width, height = grid[0][-1].get_position(), figure.get_figwidth(), figure.get_figheight()
    scale = figure.add_axes((corner.x1 + 0.6 / width, corner.y1 - 1.1 / height, 1.1 / width, 1.1 / height))
    ticks = np.linspace(0, 1, 64)
    scale.imshow(colours(*np.meshgrid(ticks, ticks, indexing="ij")), origin="lower", extent=(0, 1, 0, 1), aspect="auto")
    scale.set(xticks=[0, 1], yticks=[0, 1])
    scale.set_xlabel("its superposition", labelpad=0, fontsize=8)
    scale.set_ylabel("its norm ‖Wᵢ‖", labelpad=-3, fontsize=8)
    scale.set_title("extra feature", fontsize=9)
    for x, y, text in ((0.5, 0.08, "not represented"), (0.26, 0.8, "dedi-\ncated"), (0.76, 0.8, "super-\nposed")):
        scale.text(x, y, text, ha="center", va="center", fontsize=6.5, color="white" if text.startswith("dedi") else "black")
    if any(known and panel.boundaries for row in shown for panel, (_, known) in row):
        lines = [Line2D([], [], color=colour, lw=width, ls=style) for style, colour, width in _LINES.values()]
        words, place = ["boundary, optimised", "boundary, paper's"], (corner.x1 + 0.1 / width, corner.y1 - 1.5 / height)
        figure.legend(lines, words, loc="upper left", bbox_to_anchor=place, fontsize=8, frameon=False)
    bars = {}
    for axes, (panel, _) in zip(grid[-1], shown[-1], strict=True):
        if panel.bar:
            bars.setdefault(panel.title, (axes, panel.bar))
    for axes, (cmap, norm, text, extend) in bars.values():
        box = axes.get_position()
        bar = figure.add_axes((box.x0, 0.42 / height, box.width, 0.1 / height))
        figure.colorbar(mpl.cm.ScalarMappable(norm, cmap), cax=bar, orientation="horizontal", extend=extend)
        bar.set_xlabel(text, fontsize=8)
