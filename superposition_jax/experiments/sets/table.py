"""Cosines between features of one set, and between features of different sets."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core import sets
from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.wording import median, share_of_seeds
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec


def partners(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Mean cosines, within and across sets. Elhage et al. 2022, "Correlated and anticorrelated features"."""
    return per_model.on_host(dataset, trainer, _cosines, "W")


def _cosines(spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, np.float32]:
    w, owner = results["W"], sets.owner(spec.sets)
    norm, same_set = np.linalg.norm(w, axis=0), owner[:, None] == owner[None, :]
    pairs = np.outer(norm > REPRESENTED, norm > REPRESENTED) & np.triu(np.ones_like(same_set), 1)
    cosine = (w.T @ w) / np.maximum(np.outer(norm, norm), 1e-12)
    within, across = cosine[pairs & same_set], cosine[pairs & ~same_set]
    cosines = {"within": within, "within_square": within**2, "across_square": across**2}
    return {name: np.float32(values.mean() if values.size else np.nan) for name, values in cosines.items()}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Positions of partners, two features of one set, in every cell, and mean squared cosines within and across sets."""
    for place, cell in select.ok_cells(dataset, "within", "within_square", "across_square"):
        words = labels.place(dataset, place, ", ")
        within, loss = cell["within"], np.atleast_1d(cell["loss"].values)
        if not np.isfinite(within).any():
            yield f"{words}partners: no two of a set are represented"
            continue
        positions = {
            "antipodal": within < -0.8,
            "orthogonal": abs(within) < 0.2,
            "60° apart": abs(within - 0.5) < 0.2,
            "side by side": within > 0.8,
        }
        shares = ", ".join(f"{name} in {share_of_seeds(holds)}" for name, holds in positions.items() if holds.any())
        best = np.atleast_1d(within.values)[np.argmin(np.nan_to_num(loss, nan=np.inf))]
        inside, across = (median(cell[name].values) for name in ("within_square", "across_square"))
        squares = f"median squared cosine {inside:.3f} within sets, {across:.3f} across"
        yield f"{words}partners {shares or 'in no regular position'}; best seed's cosine {best:.2f}; {squares}"
