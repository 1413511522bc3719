"""Numbers over seeds in words."""

import numpy as np
from scipy.stats import binomtest


def share_of_seeds(holds: np.ndarray, seeds: int | None = None) -> str:
    """The share of seeds where something holds, with its 95 % confidence interval (Wilson 1927).

    >>> share_of_seeds(np.array([True, True, False, True]))
    '75% of 4 seeds (30–95)'
    """
    count, seeds = int(np.sum(holds)), np.size(holds) if seeds is None else seeds
    low, high = binomtest(count, seeds).proportion_ci(method="wilson")
    return f"{count / seeds:.0%} of {seeds} seeds ({100 * low:.0f}–{100 * high:.0f})"


def mean_error(values: np.ndarray, form: str = ".4g", factor: float = 1.0) -> str:
    """The mean of the finite values, times a factor, with its standard error if there are several; `none` if there are none.

    >>> mean_error(np.array([1.0, 2.0, 3.0, np.nan]))
    '2 ± 0.58'
    """
    finite = factor * np.ravel(values)[np.isfinite(np.ravel(values))]
    if finite.size < 2:
        return f"{finite[0]:z{form}}" if finite.size else "none"
    mean, error = f"{finite.mean():z{form}}", finite.std(ddof=1) / finite.size**0.5
    rounded = f"{float(f'{error:.2g}'):g}" if form.endswith("g") else f"{error:{form}}"
    return f"{mean} ± {rounded}"


def median(values: np.ndarray) -> float:
    """The median of the finite values; NaN if there are none."""
    finite = np.ravel(values)[np.isfinite(np.ravel(values))]
    return float(np.median(finite)) if finite.size else np.nan
