"""Uniform superposition: dimensions per feature against sparsity, and the dimensionality of every feature."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import layout
from superposition_jax.experiments.components import LEVELS
from superposition_jax.results import select


def _sparsity(dataset: xr.Dataset) -> tuple[str, np.ndarray]:
    """The density's dimension, and 1/(1 − S) along it."""
    dim, density = select.axis(dataset, "data.density")
    return dim, 1 / density


def _first(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Without axes other than the density's and the seed's: their first place."""
    return dataset.isel({d: 0 for d in select.cell_dims(dataset) if d != dim})


def uniform(dataset: xr.Dataset) -> Figure:
    """D* = m/‖W‖²_F against 1/(1 − S): every seed, median, and the best. Elhage et al. 2022, "Uniform Superposition"."""
    dim, x = _sparsity(dataset)
    dataset, seed = _first(dataset, dim), select.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (5.2, 3.2), gap=(0, (0,)), margin=(0.75, 0.3, 0.6, 0.5))
    stars = dataset["dims_per_feature"]
    every = stars if seed is None else stars.transpose(seed, dim)
    for number, values in enumerate(np.atleast_2d(every.values)):
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
    """D_i of every feature of the best seeds, a column of points a density, with lines at the values of regular solids.

    Grey are features that are not represented. Elhage et al. 2022, "The Geometry of Superposition".
    """
    dim, x = _sparsity(dataset)
    best = _first(select.best_seed(dataset), dim)
    figure, ((axes,),) = layout.panels(1, 1, (8.5, 4.2), gap=(0, (0,)), margin=(0.75, 1.6, 0.6, 0.5))
    wide, rng = np.log(x.max() / x.min()) / max(1, len(x)) if len(x) > 1 else 0.1, np.random.default_rng(0)
    for place, value in enumerate(x):
        model = best.isel({dim: place})
        d, there = model["dimensionality"].values, model["feature_norm"].values > 0.5
        shaken = value * np.exp(wide * 0.3 * (rng.random(d.size) - 0.5))
        names = ("not represented", "represented (‖Wᵢ‖ > ½)") if place == 0 else (None, None)
        axes.scatter(shaken[~there], d[~there], s=4, color="0.75", linewidths=0, label=names[0])
        axes.scatter(shaken[there], d[there], s=9, color="#123a7a", linewidths=0, alpha=0.7, label=names[1])
    for text, value in LEVELS.items():
        axes.axhline(value, color="#c06000", lw=0.7)
        side = {"pentagon ⅖": "bottom", "square antiprism ⅜": "top"}.get(text, "center")
        axes.text(1.01, value, text, transform=axes.get_yaxis_transform(), va=side, fontsize=8)
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
    return f"{dataset.attrs.get('name', '')}: {what}, n = {n}, m = {m}, best of {layout.seeds_note(dataset)}"
