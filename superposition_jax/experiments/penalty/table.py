"""The number of features in superposition."""

from collections.abc import Iterator

import xarray as xr

from superposition_jax.core.geometry import REPRESENTED, SUPERPOSED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.results import labels, select


def superposed(dataset: xr.Dataset, trainer: Trainer) -> dict[str, xr.DataArray]:
    """Number of represented features (‖W_i‖ > ½) with Σ_{j≠i} (Ŵ_i·W_j)² > ½."""
    return {"superposed": ((dataset["feature_norm"] > REPRESENTED) & (dataset["superposition"] > SUPERPOSED)).sum("feature")}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Represented features, those in superposition, and relative loss: medians of every cell."""
    for place, cell in select.ok_cells(dataset, "represented", "superposed", "loss_relative"):
        represented, superposed, loss = (float(cell[name].median()) for name in ("represented", "superposed", "loss_relative"))
        words = f"median of {represented:g} features, {superposed:g} of them in superposition, relative loss {loss:.3g}"
        yield f"{labels.place(dataset, place, ', ')}{words}"
