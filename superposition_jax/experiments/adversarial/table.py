"""The cost of an attack, relative to its cost for a model without superposition."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr
from scipy.stats import spearmanr

from superposition_jax.core import random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.adversarial import SCALES, STREAM, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.sweep import Group

_GIVEN = SCALES.index(1.0)


def vulnerability(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """(L' − L)/(L'_0 − L_0), with L' the loss under attack and 0 a model of m dedicated dimensions, and the gain.

    An attack of length λ moves one output of the latter by at most λ and no other, so L'_0 − L_0 = λ² max I_i.
    Elhage et al. 2022, "Relationship to Adversarial Robustness".
    """
    radius = per_model.flat(dataset["attack_radius"], dataset)

    def of_group(group: Group) -> dict[str, Any]:
        def of_model(seed, hparams, params, radius):
            return numeric.costs(jax.random.fold_in(random.key(seed), STREAM), hparams, params, radius, spec=group.spec)

        trees = group.seeds.astype(np.uint32), group.hparams, per_model.parameters(dataset, group), radius[group.points]
        return population.over_models(of_model, *trees, at_a_time=8, devices=trainer.devices)

    costs = per_model.of_groups(trainer, of_group)
    return {
        "vulnerability": costs["along_row"][:, _GIVEN],
        "vulnerability_searched": costs["search"][:, _GIVEN],
        "vulnerability_by_scale": costs["search"],
        "gain_by_scale": costs["gain"],
        "attack_scale": [*SCALES],
    }


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """What both attacks cost in every cell, for attacks of several lengths, and the gain; their rank correlations."""
    names = "vulnerability", "vulnerability_searched", "vulnerability_by_scale", "gain_by_scale", "dims_per_feature"
    scales = ", ".join(f"{scale:g}" for scale in SCALES)
    for place, cell in select.ok_cells(dataset, *names):
        rows, searched, by_scale, gain, dims = (cell[name] for name in names)
        gap = mean_error(searched / rows.where(rows > 0) - 1, ".1f", 100)
        yield (
            f"{labels.place(dataset, place, ': ')}{mean_error(1 / dims, '.3g')} features per dimension, vulnerability "
            f"{mean_error(rows, '.3g')} along rows of WᵀW, {mean_error(searched, '.3g')} by search ({gap} % more); "
            f"for attacks {scales} times as long {_each(by_scale)}, gain {_each(gain)}"
        )
    if dataset["loss"].size > 2:
        packed = 1 / dataset["dims_per_feature"].values.ravel()
        costs = {"vulnerability": dataset["vulnerability_searched"], "gain": dataset["gain_by_scale"].isel(attack_scale=_GIVEN)}
        ranks = {name: spearmanr(packed, cost.values.ravel(), nan_policy="omit") for name, cost in costs.items()}
        words = ", ".join(f"{name} {rank.statistic:.3f}" for name, rank in ranks.items())
        yield f"rank correlations with features per dimension, over all models: {words}"


def _each(values: xr.DataArray) -> str:
    """Means with errors for every length of the attack."""
    return ", ".join(mean_error(values.isel(attack_scale=k), ".3g") for k in range(len(SCALES)))
