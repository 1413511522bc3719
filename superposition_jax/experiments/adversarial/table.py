"""How much an attack costs, against what it costs a model without superposition."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.results import labels, select


def vulnerability(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """(L' − L)/(L'_0 − L_0), with L' the loss under attack and 0 a model of m dedicated dimensions.

    There an attack of length λ moves one output by λ and no other, so L'_0 − L_0 = λ² max I_i. Needs the measures attacked_loss
    and attack_radius. Elhage et al. 2022, "Superposition and Adversarial Examples".
    """
    sweep = dataset["status"]
    greatest = np.empty(sweep.size, np.float32)
    for group in trainer.groups:
        greatest[group.points] = group.hparams.importance.max(axis=1)
    alone = dataset["attack_radius"] ** 2 * greatest.reshape(sweep.shape)
    found = (dataset["attacked_loss"] - dataset["loss"]) / alone
    found = found.drop_vars(list(found.coords)).assign_attrs(
        long_name="(L' − L)/(λ² max I_i): cost of the attack over that without superposition"
    )
    table = xr.Dataset({"vulnerability": found})
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    few = dataset[["vulnerability", "dims_per_feature", "attacked_loss", "loss"]]
    for here, cell in select.cells(few):
        place = labels.place(dataset, here, ", ")
        packed, cost = (np.atleast_1d(values) for values in (1 / cell["dims_per_feature"].values, cell["vulnerability"].values))
        yield (
            f"{place}{np.median(packed):.2f} features per dimension, vulnerability {np.median(cost):.2f} "
            f"(range {cost.min():.2f}–{cost.max():.2f}), loss {float(cell['loss'].median()):.3g}, "
            f"attacked {float(cell['attacked_loss'].median()):.3g}"
        )
    if few["loss"].size > 2:
        rank = spearmanr(1 / few["dims_per_feature"].values.ravel(), few["vulnerability"].values.ravel(), nan_policy="omit")
        yield f"over all models, vulnerability and features per dimension have a rank correlation of {rank.statistic:.3f}"
