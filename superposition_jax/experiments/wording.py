"""Numbers over seeds in words."""

import numpy as np
import xarray as xr
from scipy.stats import binomtest

from superposition_jax.experiments.over_seeds import by_scale, standard_error


def share_of_seeds(holds: xr.DataArray) -> str:
    """The share of seeds where something holds, with its 95 % confidence interval (Wilson 1927), for every initial scale.

    >>> share_of_seeds(xr.DataArray([True, True, False, True], dims="seed"))
    '75% of 4 seeds (30–95)'
    """
    words = []
    for scale, same in by_scale(holds).items():
        count, seeds = int(same.sum()), same.size
        low, high = binomtest(count, seeds).proportion_ci(method="wilson")
        at = "" if scale is None else f" at initial scale {scale:g}"
        words.append(f"{count / seeds:.0%} of {seeds} seeds{at} ({100 * low:.0f}–{100 * high:.0f})")
    return " and ".join(words)


def mean_error(values: xr.DataArray, form: str = ".4g", factor: float = 1.0) -> str:
    """The mean of the finite values over seeds, times a factor, with its standard error if they have one; `none` without any.

    >>> mean_error(xr.DataArray([1.0, 2.0, 3.0, np.nan], dims="seed"))
    '2 ± 0.58'
    """
    finite = factor * np.ravel(values)[np.isfinite(np.ravel(values))]
    if not finite.size:
        return "none"
    mean, error = f"{finite.mean():z{form}}", factor * float(standard_error(values, str(values.dims[0]) if values.dims else None))
    if not np.isfinite(error):
        return mean
    rounded = f"{float(f'{error:.2g}'):g}" if form.endswith("g") else f"{error:{form}}"
    return f"{mean} ± {rounded}"


def median(values: np.ndarray) -> float:
    """The median of the finite values; NaN if there are none."""
    finite = np.ravel(values)[np.isfinite(np.ravel(values))]
    return float(np.median(finite)) if finite.size else np.nan
