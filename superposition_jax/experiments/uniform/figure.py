"""Uniform superposition: dimensions per feature against sparsity, and the dimensionality of every feature."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.experiments import along, layout
from superposition_jax.results import select


def uniform(dataset: xr.Dataset) -> Figure:
    """D* = m/‖W‖²_F against 1/(1 − S): every seed, their median, and the best. Elhage et al. 2022, "Uniform Superposition"."""
    dim, density = select.axis(dataset, "data.density")
    dataset, seed, x = along.at_first(dataset, dim), select.seed_dim(dataset), 1 / density
    figure, ((axes,),) = layout.panels(1, 1, (5.2, 3.2), margin=(0.75, 0.3, 0.6, 0.5))
    stars = dataset["dims_per_feature"]
    rows = stars if seed is None else stars.transpose(seed, dim)
    for number, values in enumerate(np.atleast_2d(rows.values)):
        axes.plot(x, values, "o", ms=3, color="0.6", label="one seed" if number == 0 else None)
    if seed is not None:
        axes.plot(x, stars.median(seed), color="#123a7a", label=f"median of {layout.seeds_note(dataset)}")
    axes.plot(x, select.best_seed(dataset)["dims_per_feature"], "D", ms=4, color="#c06000", label="seed of least loss")
    for value, text in ((1, "1: no superposition"), (1 / 2, "½: antipodal pairs")):
        axes.axhline(value, color="0.4", lw=0.7, ls=":")
        axes.text(x.max(), value, text, ha="right", va="bottom", fontsize=8, color="0.3")
    layout.set_log(axes.xaxis, x)
    axes.set(xlabel="1 / (1 − S)", ylabel="D* = m / ‖W‖²", ylim=(0, 1.15))
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(_title(dataset, "dimensions per feature"), fontsize=10)
    return figure


def dimensionality(dataset: xr.Dataset) -> Figure:
    """D_i of every feature of the best seeds, a column of points for each density, with lines at the values of regular solids.

    Features that are not represented are grey. Elhage et al. 2022, "The Geometry of Superposition".
    """
    dim, density = select.axis(dataset, "data.density")
    best, x = along.at_first(select.best_seed(dataset), dim), 1 / density
    figure, ((axes,),) = layout.panels(1, 1, (8.5, 4.2), margin=(0.75, 1.6, 0.6, 0.5))
    wide, rng = np.log(x.max() / x.min()) / max(1, len(x)) if len(x) > 1 else 0.1, np.random.default_rng(0)
    for number, value in enumerate(x):
        model = best.isel({dim: number})
        d, is_represented = model["dimensionality"].values, model["feature_norm"].values > REPRESENTED
        shaken = value * np.exp(wide * 0.3 * (rng.random(d.size) - 0.5))
        names = ("not represented", "represented (‖Wᵢ‖ > ½)") if number == 0 else (None, None)
        axes.scatter(shaken[~is_represented], d[~is_represented], s=4, color="0.75", linewidths=0, label=names[0])
        axes.scatter(shaken[is_represented], d[is_represented], s=9, color="#123a7a", linewidths=0, alpha=0.7, label=names[1])
    layout.draw_levels(axes, "-")
    axes.plot(x, best["dims_per_feature"], color="black", lw=1, label="D* = m / ‖W‖²")
    layout.set_log(axes.xaxis, x)
    axes.set(xlabel="1 / (1 − S)", ylabel="feature dimensionality Dᵢ", ylim=(-0.02, 1.05))
    if len(x) <= 12:
        axes.set_xticks(x, [f"{value:.3g}" for value in x], rotation=60, fontsize=8)
    axes.legend(loc="center right", fontsize=8, frameon=False, bbox_to_anchor=(1.0, 0.22))
    axes.set_title(_title(dataset, "dimensionality of every feature"), fontsize=10)
    return figure


def _title(dataset: xr.Dataset, what: str) -> str:
    n, m = dataset.sizes["feature"], dataset.sizes["hidden"]
    return layout.titled(dataset, f"{what}, n = {n}, m = {m}, best of {layout.seeds_note(dataset)}")
