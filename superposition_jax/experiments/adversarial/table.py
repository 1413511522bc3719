"""The cost of an attack, relative to its cost for a model without superposition."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.wording import median
from superposition_jax.results import labels, select


def vulnerability(dataset: xr.Dataset, trainer: Trainer) -> dict[str, xr.DataArray]:
    """(L' − L)/(L'_0 − L_0), with L' the loss under attack and 0 a model of m dedicated dimensions.

    An attack of length λ moves one output of the latter by λ and no other, so L'_0 − L_0 = λ² max I_i.
    Elhage et al. 2022, "Superposition and Adversarial Examples".
    """
    greatest = per_model.of_groups(trainer, lambda group: {"importance": group.hparams.importance.max(axis=1)})["importance"]
    dedicated = dataset["attack_radius"] ** 2 * greatest.reshape(dataset["status"].shape)
    return {"vulnerability": (dataset["attacked_loss"] - dataset["loss"]) / dedicated}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Features per dimension, vulnerability and both losses of every cell, and the rank correlation of the first two."""
    for place, cell in select.ok_cells(dataset, "vulnerability", "dims_per_feature", "attacked_loss"):
        cost, loss, attacked = (cell[name].values for name in ("vulnerability", "loss", "attacked_loss"))
        spread = f"{median(cost):.2f} (range {np.nanmin(cost):.2f}–{np.nanmax(cost):.2f})"
        words = f"{median(1 / cell['dims_per_feature'].values):.2f} features per dimension, vulnerability {spread}"
        yield f"{labels.place(dataset, place, ', ')}{words}, loss {median(loss):.3g}, attacked {median(attacked):.3g}"
    if dataset["loss"].size > 2:
        packed, cost = 1 / dataset["dims_per_feature"].values.ravel(), dataset["vulnerability"].values.ravel()
        rank = spearmanr(packed, cost, nan_policy="omit")
        yield f"over all models, vulnerability and features per dimension have a rank correlation of {rank.statistic:.3f}"
