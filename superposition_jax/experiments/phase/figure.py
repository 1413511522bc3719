"""The phase diagram: norm and superposition of the extra feature on a two-dimensional colour scale, theory beside training."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from superposition_jax.experiments import REACHED, layout
from superposition_jax.experiments.phase import PHASES, diagram
from superposition_jax.experiments.phase.legend import LINES, colours, draw_legend
from superposition_jax.results import labels, select


def phase(dataset: xr.Dataset) -> Figure:
    """For one setting the best seeds, the paper's candidates, optimised candidates, the excess of the trained loss over theirs,
    and the share of seeds that reach the best. For several settings the best seeds and that share.

    Lines: boundaries of the optimised candidates (solid) and of the paper's (dashed). Elhage et al. 2022, "Superposition as a
    Phase Change".
    """
    settings, seeds = list(diagram.settings(dataset)), layout.seeds_note(dataset)
    several, panels = len(settings) > 1, (_TRAINED, *(_THEORY if settings[0][1] else ()), _REACHED)
    rows = (panels[:3], panels[3:]) if len(panels) > 3 else (panels,)
    shown = [[(panel, setting) for setting in settings] for panel in (_TRAINED, _REACHED)] if several else []
    shown = shown or [[(panel, settings[0]) for panel in row] for row in rows]
    is_full = len(shown[0]) == len(shown[-1])  # else the legend has the last place
    margin = (0.85, 1.9 if is_full else 0.3, 1.15, 1.05)
    figure, grid = layout.panels(len(shown), len(shown[0]), (2.2, 2.2), gap=(0.3, (0.35 if several else 0.85,)), margin=margin)
    layout.share_labels(grid)
    for axes, (panel, (place, known)) in zip(grid.ravel(), itertools.chain(*shown), strict=False):
        _draw(axes, panel, dataset.isel(place), known)
        if not several or axes in grid[0]:
            axes.set_title(labels.place(dataset, place) if several else panel.title.format(seeds=seeds), fontsize=9)
    for axes, row in zip(grid[:, 0], shown, strict=True):
        title = f"{row[0][0].title.format(seeds=seeds)}\n" if several else ""
        axes.set_ylabel(f"{title}importance of the extra feature")
    for axes in (*grid[-1], *(() if is_full else grid[0, -1:])):
        axes.set_xlabel("density 1 − S")
        axes.tick_params(labelbottom=True)
    draw_legend(figure, grid, shown, diagram.shape(dataset))
    return layout.set_title(figure, dataset, f"{_agreement(dataset, settings)}\n{_models(dataset)}")


def _agreement(dataset: xr.Dataset, settings: list[tuple[dict[str, int], bool]]) -> str:
    """In how many cells the best seeds have the phase that theory expects; for several settings how often it is superposition."""
    if len(settings) == 1 and settings[0][1]:
        trained = dataset["phase"] >= 0
        agree = int((trained & (dataset["phase"] == diagram.least(dataset, "optimised")["phase"])).sum())
        triangles = int((dataset["phase"] == PHASES.index("triangle")).sum())
        new = f",\nin {triangles} cells that of a triangle, which the paper does not have" if triangles else ""
        return f"trained models have the phase of the best candidate in {agree:,} of {int(trained.sum()):,} cells{new}"
    shares = [(float((dataset["phase"].isel(place) >= 2).mean()), labels.place(dataset, place)) for place, _ in settings]
    return (
        f"superposition in {', '.join(f'{share:.0%} ({words})' if words else f'{share:.0%}' for share, words in shares)} of cells"
    )


def _models(dataset: xr.Dataset) -> str:
    n, m = diagram.shape(dataset)
    named = {"activation": "model.activation", "law": "data.values.law"}
    fixed = [f", {key} {select.leaf(dataset, path, {})}" for key, path in named.items() if not select.varies(dataset, path)]
    return f"{n} features in {m} hidden dimension{'s' if m > 1 else ''}{''.join(fixed)}"


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
    return colours(*_on_plane(dataset, best["feature_norm"], best["superposition"], dataset["phase"]))


def _candidates(which: str) -> Callable[[xr.Dataset], np.ndarray]:
    return lambda dataset: colours(
        *_on_plane(dataset, *diagram.least(dataset, which)[["norm", "superposition", "phase"]].values())
    )


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
    for axis, values in ((axes.xaxis, x), (axes.yaxis, y)):
        layout.set_log(axis, values)
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
    """Lines where the least losses of two phases' candidates are equal, and no other phase's is lower."""
    if min(len(x), len(y)) < _FEWEST:
        return
    for which, (style, colour, width) in LINES.items():
        theory = diagram.theory(dataset, which).transpose("candidate", *diagram.plane(dataset)[::-1])
        loss, phases = theory["loss"].values, theory["phase"].values
        by_phase = np.stack([np.where(phases == k, loss, np.inf).min(axis=0) for k in range(len(PHASES))])
        for one, other in itertools.combinations(range(len(PHASES)), 2):
            rest = np.delete(by_phase, (one, other), axis=0).min(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                ahead = np.clip(np.log(by_phase[one] / by_phase[other]), -1, 1)
            ahead = np.where(rest < 0.999 * np.minimum(by_phase[one], by_phase[other]), np.nan, ahead)
            if np.isfinite(ahead).any() and np.nanmin(ahead) < 0 < np.nanmax(ahead):
                axes.contour(x, y, ahead, [0.0], colors=colour, linewidths=width, linestyles=[style])


_FEWEST = 10
"""Fewest cells along an axis for which boundaries are drawn."""
