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
    seed, x, figure = select.seed_dim(dataset), 1 / density, _figure(dataset, dim, "dimensions per feature", (5.2, 3.2), 0.3)
    dataset, (axes,) = along.at_first(dataset, dim), figure.axes
    stars = dataset["dims_per_feature"]
    for number, values in enumerate(np.atleast_2d(stars.transpose(..., dim).values)):
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
    return figure


def dimensionality(dataset: xr.Dataset) -> Figure:
    """D_i of every feature of the best seeds, a column of points for each density, with lines at the values of regular solids.

    Features that are not represented are grey. Elhage et al. 2022, "The Geometry of Superposition".
    """
    dim, density = select.axis(dataset, "data.density")
    x, figure = 1 / density, _figure(dataset, dim, "dimensionality of every feature", (8.5, 4.2), 1.6)
    best, (axes,) = select.best_seed(along.at_first(dataset, dim)), figure.axes
    wide, rng = np.log(x.max() / x.min()) / max(1, len(x)) if len(x) > 1 else 0.1, np.random.default_rng(0)
    d, norm = (best[name].transpose(dim, "feature").values for name in ("dimensionality", "feature_norm"))
    shaken, is_represented = x[:, None] * np.exp(wide * 0.3 * (rng.random(d.shape) - 0.5)), norm > REPRESENTED
    axes.scatter(shaken[~is_represented], d[~is_represented], s=4, color="0.75", lw=0, label="not represented")
    axes.scatter(shaken[is_represented], d[is_represented], s=9, color="#123a7a", lw=0, alpha=0.7, label="represented (‖Wᵢ‖ > ½)")
    layout.draw_levels(axes, "-")
    axes.plot(x, best["dims_per_feature"], color="black", lw=1, label="D* = m / ‖W‖²")
    layout.set_log(axes.xaxis, x)
    axes.set(xlabel="1 / (1 − S)", ylabel="feature dimensionality Dᵢ", ylim=(-0.02, 1.05))
    if len(x) <= 12:
        axes.set_xticks(x, [f"{value:.3g}" for value in x], rotation=60, fontsize=8)
    axes.legend(loc="upper right", fontsize=8, frameon=False, bbox_to_anchor=(1.0, 0.94))
    return figure


def _figure(dataset: xr.Dataset, dim: str, what: str, size: tuple[float, float], right: float) -> Figure:
    """A titled figure of one panel."""
    figure, _ = layout.panels(1, 1, size, margin=(0.75, right, 0.6, 0.5))
    n, m = layout.sizes(along.at_first(dataset, dim))
    note = f"{what}, n = {n}, m = {m}, best of {layout.seeds_note(dataset)}{along.fixed(dataset, dim)}"
    return layout.set_title(figure, dataset, note, size=10)
