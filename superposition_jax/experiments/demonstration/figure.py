"""The paper's demonstration: WᵀW and b for each sparsity, and the norms of the features coloured by superposition."""

import textwrap

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.experiments import along, layout
from superposition_jax.results import labels, select

_WEIGHTS = mpl.colormaps["RdBu_r"], Normalize(-1, 1)
_SUPERPOSITION = layout.COLOURS, Normalize(0, 1)
_INCHES = 1.85
"""Width of one model's picture."""
_MOST_ROWS = 6
_LETTERS = 12
"""Letters of the title to an inch."""


def demonstration(dataset: xr.Dataset) -> Figure:
    """A column for each sparsity (or value of the last axis), two rows of pictures for every combination of the other axes.

    Above: WᵀW of the best seed as a heat map, with b beside it. Below: ‖W_i‖ as bars, coloured by the
    superposition Σ_{j≠i} (Ŵ_i·W_j)²; whiskers span all seeds. Elhage et al. 2022, "Demonstrating Superposition".
    """
    dims = select.cell_dims(dataset)
    across = next((d for d in dims if labels.values(dataset, d).name == "density"), dims[-1] if dims else None)
    columns = [{across: k} for k in range(dataset.sizes[across])] if across is not None else [{}]
    rows = [place for place, _ in select.cells(dataset.isel({} if across is None else {across: 0}))]
    rows, more = rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS)
    best, n = select.best_seed(dataset), dataset.sizes["feature"]
    strip, gap = max(1, n // 12), max(1, n // 8)  # widths, in features, of the bias and of the space between models
    pitch = n + 1 + strip + gap
    size = (_INCHES * len(columns), _INCHES * n / pitch)
    (n_words, m_words), gram = layout.sizes(dataset), "WᵀW" if "W" in dataset else "W_outᵀW_in"
    sentences = [
        f"{n_words} features in {m_words} hidden dimensions, best of {layout.seeds_note(dataset)}. Above: {gram} and b (strip).",
        "Below: norms ‖Wᵢ‖, coloured by superposition Σ over j ≠ i of (Ŵᵢ·Wⱼ)², grey where ‖Wᵢ‖ < ½; whiskers: range over seeds",
        *([f"{more} more rows are not shown"] if more else []),
    ]
    title = [line for sentence in sentences for line in textwrap.wrap(sentence, int(_LETTERS * (size[0] + 1.75)))]
    margin = (0.75, 1.0, 0.55, 0.6 + 0.18 * len(title))
    figure, grid = layout.panels(2 * len(rows), 1, size, gap=(0, (0.2, 0.8)), margin=margin, heights=(1.0, 0.75))
    for place, heat, bars in zip(rows, grid[::2, 0], grid[1::2, 0], strict=True):
        models = [best.isel(place | column) for column in columns]
        norms = (dataset["feature_norm"].isel(place | column) for column in columns)
        spreads = [along.spread(norm, select.seed_dim(dataset))[1:] for norm in norms]
        _grams(heat, models, strip, pitch)
        _norms(bars, models, spreads, pitch)
        for number, (model, column) in enumerate(zip(models, columns, strict=True)):
            outcome = f"loss {float(model['loss']):.3g}" if np.isfinite(model["loss"]) else "diverged"
            words = labels.place(dataset, column, "\n") + outcome
            heat.text(number * pitch + n / 2, -1, words, ha="center", va="bottom", fontsize=9)
        row_label = "".join(f"{labels.label(dataset, dim, k)}\n" for dim, k in place.items())
        for axes, label in ((heat, f"{row_label}feature i"), (bars, "‖Wᵢ‖")):
            axes.set_xlim(-1, len(columns) * pitch)
            axes.set_ylabel(label)
            axes.set_xticks([number * pitch + i for number in range(len(columns)) for i in (0, n - 1)])
        heat.tick_params(bottom=False, labelbottom=False)
        bars.set_xticklabels(["0", f"{n - 1}"] * len(columns))
        layout.colour_bar(figure, heat, *_WEIGHTS, f"({gram})ᵢⱼ, bᵢ", "both")
        layout.colour_bar(figure, bars, *_SUPERPOSITION, "superposition", "max")
    grid[-1][0].set_xlabel("feature i of each model")
    figure.text(0.5, 1 - 0.12 / figure.get_figheight(), "\n".join(title), ha="center", va="top", fontsize=11)
    return figure


def _grams(axes, models: list[xr.Dataset], strip: int, pitch: int) -> None:
    """WᵀW of the models side by side, each with b as a strip to its right."""
    n = models[0].sizes["feature"]
    picture = np.full((n, len(models) * pitch), np.nan)
    for left, model in zip(range(0, len(models) * pitch, pitch), models, strict=True):
        w, out = (weights.fillna(0.0).values for weights in (select.directions(model), select.read_out(model)))
        picture[:, left : left + n] = out.T @ w
        picture[:, left + n + 1 : left + n + 1 + strip] = model["b"].values[:, None]
        if not np.isfinite(model["loss"]):
            axes.add_patch(Rectangle((left - 0.5, -0.5), n, n, **layout.DIVERGED))
    axes.imshow(picture, cmap=_WEIGHTS[0], norm=_WEIGHTS[1], interpolation="nearest", aspect="auto")
    axes.set_yticks([0, n - 1])
    axes.spines[:].set_visible(False)


def _norms(axes, models: list[xr.Dataset], spreads: list[tuple[np.ndarray, np.ndarray]], pitch: int) -> None:
    """Bars of ‖W_i‖ on the columns of the heat map above, with the range over seeds."""
    n = models[0].sizes["feature"]
    x = np.concatenate([number * pitch + np.arange(n) for number in range(len(models))])
    norm, shared = (np.concatenate([model[name].values for model in models]) for name in ("feature_norm", "superposition"))
    low, high = (np.concatenate(ends) for ends in zip(*spreads, strict=True))
    colours = _SUPERPOSITION[0](_SUPERPOSITION[1](shared))
    colours[~(norm > REPRESENTED)] = mpl.colors.to_rgba("0.75")
    axes.bar(x, norm, 0.85, color=colours, edgecolor="0.3", linewidth=0.3)
    axes.vlines(x, low, high, color="0.25", linewidth=0.8)
    axes.axhline(1.0, color="0.6", linewidth=0.6, linestyle=":")
    axes.set_ylim(0, max(1.5, 1.05 * float(np.nan_to_num(high).max())))
    axes.spines[["top", "right"]].set_visible(False)
