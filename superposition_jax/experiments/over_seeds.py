"""Statistics over seeds, whose initial weights may have several scales: errors are within a scale, and which scale is best."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.experiments import REACHED, per_model
from superposition_jax.results import select, status
from superposition_jax.results.assemble import INIT_SCALE


def by_scale(values: xr.DataArray) -> dict[float | None, xr.DataArray]:
    """Values of several seeds by the scale of the seeds' initial weights; all of them under None where that is one for all."""
    scales = values.coords.get(INIT_SCALE)
    if scales is None or not scales.dims:
        return {None: values}
    return {scale: values.isel({scales.dims[0]: scales.values == scale}) for scale in np.unique(scales).tolist()}


def standard_error(values: xr.DataArray, seed: str | None) -> xr.DataArray:
    """Standard error of the mean of the finite values over seeds; NaN where there are too few.

    The variance is that within a scale of initial weights, pooled: which seed has which scale is no chance.

    >>> float(standard_error(xr.DataArray([1.0, 2.0, 6.0, np.nan], dims="seed"), "seed").round(3))
    1.528
    >>> scaled = xr.DataArray([1.0, 7.0, 3.0, 9.0], {"init_scale": ("seed", [1.0, 2.0, 1.0, 2.0])}, dims="seed")
    >>> float(standard_error(scaled, "seed").round(3))
    0.707
    """
    if seed is None:
        return xr.full_like(values, np.nan, float)
    finite = values.where(np.isfinite(values)).astype(float)
    strata = [*by_scale(finite).values()]
    residuals = xr.concat([same - same.mean(seed) for same in strata], seed)
    means = xr.concat([same.notnull().any(seed) for same in strata], "scale").sum("scale")
    count = finite.count(seed)
    variance = (residuals**2).sum(seed) / (count - means).where(count > means)
    return (variance / count) ** 0.5


def resampled(seeds: xr.DataArray, times: int, rng: np.random.Generator) -> np.ndarray:
    """Places of seeds drawn with replacement, as many as there are, each from those of one scale; (times, seed)."""
    strata = [same.values for same in by_scale(seeds.copy(data=np.arange(seeds.size))).values()]
    return np.concatenate([places[rng.integers(0, places.size, (times, places.size))] for places in strata], axis=1)


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """In how many cells the seeds of a scale have the best loss, and in how many they come near it; nothing for one scale.

    Repaired models, which started from a neighbour, count for none.
    """
    seed = select.seed_dim(dataset)
    if seed is None or INIT_SCALE not in dataset.coords:
        return
    few = status.without_diverged(dataset[["loss", "loss_relative", "status"]])
    few = few.assign(loss=few["loss"].where(~dataset["repaired"])) if "repaired" in dataset else few
    best = select.best_seed(few)
    some = best["loss"].notnull()
    for scale, reached in by_scale(per_model.reached_best(few, seed)).items():
        first, near = int((some & (best[INIT_SCALE] == scale)).sum()), int(reached.any(seed).sum())
        words = f"the best seed of {first:,} of {int(some.sum()):,} cells started there"
        yield f"initial scale {scale:g}: {words}, and in {near:,} one came within {REACHED:.0%} of the best"
