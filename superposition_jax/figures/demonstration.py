"""The paper's demonstration: WᵀW and b for each sparsity, and the norms of the features coloured by superposition."""

from itertools import product

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from superposition_jax.figures import axes as sweep_axes

_WEIGHTS = mpl.colormaps["RdBu_r"], Normalize(-1, 1)
_SUPERPOSITION = mpl.colormaps["cividis"], Normalize(0, 1)


def demonstration(dataset: xr.Dataset) -> Figure:
    """One column a sparsity (or value of the last axis), two rows of pictures for every combination of the other axes.

    Above: WᵀW of the best seed as a heat map, b beside it on the same colours. Below: ‖W_i‖ as bars, coloured by the
    superposition Σ_{j≠i} (Ŵ_i·W_j)²; whiskers span all seeds. Elhage et al. 2022, "Demonstrating Superposition".
    """
    dims = sweep_axes.cell_dims(dataset)
    across = next((d for d in dims if sweep_axes.values(dataset, d).name == "density"), dims[-1] if dims else None)
    rows = [
        dict(zip([d for d in dims if d != across], c, strict=True))
        for c in product(*(range(dataset.sizes[d]) for d in dims if d != across))
    ]
    columns = range(dataset.sizes[across]) if across is not None else [None]
    best, seed = sweep_axes.best_seed(dataset), sweep_axes.seed_dim(dataset)

    figure, grid = sweep_axes.panels(
        2 * len(rows), len(columns), (1.6, 1.5), gap=(0.25, 0.45), margin=(0.6, 1.0, 0.55, 0.95), heights=(1.0, 0.75)
    )
    for row, place in enumerate(rows):
        for column in columns:
            here = place if column is None else place | {across: column}
            heat, bars = grid[2 * row][column or 0], grid[2 * row + 1][column or 0]
            model, seeds = best.isel(here), dataset.isel(here)
            _gram(heat, model)
            _norms(bars, model, seeds, seed)
            title = [sweep_axes.label(dataset, d, p) for d, p in here.items() if d == across or (column or 0) == 0]
            heat.set_title("\n".join([*title, f"loss {float(model['loss']):.3g}"]), fontsize=9)
            if (column or 0) == 0:
                heat.set_ylabel("feature i")
                bars.set_ylabel("‖Wᵢ‖")
            else:
                heat.tick_params(labelleft=False)
                bars.tick_params(labelleft=False)
            bars.set_xlabel("feature i" if row == len(rows) - 1 else "")
        sweep_axes.colour_bar(figure, grid[2 * row][-1], *_WEIGHTS, "(WᵀW)ᵢⱼ, bᵢ", "both")
        sweep_axes.colour_bar(figure, grid[2 * row + 1][-1], *_SUPERPOSITION, "superposition", "max")
    inches = figure.get_figheight()
    figure.text(0.5, 1 - 0.12 / inches, _title(dataset, rows), ha="center", va="top", fontsize=11)
    return figure


def _title(dataset: xr.Dataset, rows: list[dict]) -> str:
    hidden = dataset.sizes["hidden"] if len(rows) == 1 else "m"
    return (
        f"{dataset.sizes['feature']} features in {hidden} hidden dimensions, best of {sweep_axes.seeds_note(dataset)}. "
        "Above: WᵀW and b (strip at its right).\nBelow: norms ‖Wᵢ‖, coloured by superposition Σⱼ (Ŵᵢ·Wⱼ)²; "
        "whiskers: range over seeds"
    )


def _gram(axes, model: xr.Dataset) -> None:
    """WᵀW with b as one more column to its right."""
    w = model["W"].transpose("hidden", "feature").fillna(0.0).values
    b = model["b"].values if "b" in model else np.zeros(w.shape[1])
    gap = np.full((w.shape[1], 1), np.nan)
    strip = np.repeat(b[:, None], max(1, w.shape[1] // 12), axis=1)
    axes.imshow(np.hstack([w.T @ w, gap, strip]), cmap=_WEIGHTS[0], norm=_WEIGHTS[1], interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([0, w.shape[1] - 1])
    for side in axes.spines.values():
        side.set_visible(False)


def _norms(axes, model: xr.Dataset, seeds: xr.Dataset, seed) -> None:
    """Bars of ‖W_i‖ on the columns of the heat map above, with the range over seeds."""
    norm, n = model["feature_norm"].values, model.sizes["feature"]
    width = n + 1 + max(1, n // 12)
    colours = _SUPERPOSITION[0](_SUPERPOSITION[1](model["superposition"].values))
    axes.bar(np.arange(n), norm, 0.85, color=colours, edgecolor="0.3", linewidth=0.3)
    if seed is not None:
        low, high = seeds["feature_norm"].min(seed).values, seeds["feature_norm"].max(seed).values
        axes.vlines(np.arange(n), low, high, color="0.25", linewidth=0.8)
    axes.axhline(1.0, color="0.6", linewidth=0.6, linestyle=":")
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(0, 1.5)
    axes.set_xticks([0, n - 1])
