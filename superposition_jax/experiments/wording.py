"""Numbers over seeds in words."""

import numpy as np
from scipy.stats import binomtest


def share(count: int, of: int) -> str:
    """`75 % of 16 seeds (51–90)`: a share with its 95 % confidence interval (Wilson 1927)."""
    low, high = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count / of:.0%} of {of} seeds ({100 * low:.0f}–{100 * high:.0f})"


def mean_error(values: np.ndarray, form: str = ".4g", factor: float = 1.0) -> str:
    """`719 ± 4`: the mean of what is finite, times a factor, and its standard error if there are several; `none` of nothing."""
    there = factor * np.ravel(values)[np.isfinite(np.ravel(values))]
    if not there.size:
        return "none"
    mean = f"{there.mean():z{form}}"
    if there.size == 1:
        return mean
    error = there.std(ddof=1) / there.size**0.5
    rounded = f"{float(f'{error:.2g}'):g}" if form.endswith("g") else f"{error:{form}}"
    return f"{mean} ± {rounded}"
