"""The models of a Dataset in words: how many there are, values of axes, losses."""

import numpy as np
import xarray as xr

from superposition_jax.results import select
from superposition_jax.results.status import STATUS

FEW = 8
"""Values of an axis, or names, up to which all are written."""


def models(dataset: xr.Dataset) -> str:
    """How many models there are, by status."""
    counts = [f"{np.sum(dataset['status'].values == number):,} {word}" for number, word in enumerate(STATUS)]
    return f"{dataset['status'].size:,}: {', '.join(counts[1:] + counts[:1])}"


def axis_values(values: np.ndarray) -> str:
    """All of a few values, else how many and their range, or first and last where they are names.

    >>> axis_values(np.arange(12))
    '12 from 0 to 11'
    """
    flat = np.atleast_1d(values)
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in flat.tolist()]
    if flat.size <= FEW:
        return ", ".join(shown)
    ends = (flat.argmin(), flat.argmax()) if flat.dtype.kind in "fiu" else (0, -1)
    return f"{flat.size:,} from {shown[ends[0]]} to {shown[ends[1]]}"


def losses(dataset: xr.Dataset) -> str:
    """Best and median over seeds, as ranges over cells, of models that are finished and did not diverge."""
    loss, seed = dataset["loss"].where(dataset["status"] == STATUS.index("ok")), select.seed_dim(dataset)
    cells = loss.transpose(..., seed).values.reshape(-1, loss.sizes[seed]) if seed else loss.values.reshape(-1, 1)
    cells = cells[np.isfinite(cells).any(axis=1)]
    if not cells.size:
        return "none yet"
    over = f" over {len(cells):,} cells" if len(cells) > 1 else ""
    if seed is None:
        return _range(cells) + over
    return f"best of seeds {_range(np.nanmin(cells, axis=1))}, median {_range(np.nanmedian(cells, axis=1))}{over}"


def _range(values: np.ndarray) -> str:
    low, high = f"{np.nanmin(values):.4g}", f"{np.nanmax(values):.4g}"
    return low if low == high else f"{low} … {high}"
