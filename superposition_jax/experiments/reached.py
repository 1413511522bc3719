"""Seeds that reach the best loss of their cell."""

import numpy as np
import xarray as xr

from superposition_jax.results import select
from superposition_jax.results.status import STATUS

REACHED = 0.01
"""A seed reaches the best loss of its cell when its own exceeds that by at most this share."""


def reached_best(dataset: xr.Dataset, seed: str | None) -> xr.DataArray:
    """Whether a model's loss is within `REACHED` of the least loss along the seeds' dimension; False where all diverged."""
    loss = dataset["loss"].where(dataset["status"] == STATUS.index("ok"), np.inf)
    best = loss if seed is None else loss.min(seed)
    return (loss <= best * (1 + REACHED) + select.floor(dataset)) & np.isfinite(best)
