"""Errors of recovering x from h = Wx, by the model's ReLU layer and by other decoders, for trained W and others."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from superposition_jax.core import data, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.packing import numeric as packing
from superposition_jax.experiments.recovery import STREAM, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.sweep import Group
from superposition_jax.types import Hparams

MATRICES = "trained", "random", "packed"
DECODERS = "relu", "linear", "pursuit", "l1"
_BATCH, _FITTED, _INPUTS, _STEPS, _AT_A_TIME = 128, 16, 4, 500, 4
"""Inputs of a batch, batches to fit on and to measure on, steps of packing, and models in memory together."""
_AHEAD = 0.9
"""Share of the linear decoder's error below which ℓ₁'s must be for the ReLU layer to be placed between them."""


def recovery(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """E‖x − x'‖² over Σ Var x_i of four decoders, for the trained W, a Gaussian one and optimised unit vectors.

    The ReLU layer of the trained W is the model's; that of the others has gains and biases fitted to other inputs of the same
    law. Importance does not count. Elhage et al. 2022, "Mathematical Understanding" (compressed sensing).
    """

    def of_group(group: Group) -> dict[str, np.ndarray]:
        params = {name: np.nan_to_num(values) for name, values in per_model.parameters(dataset, group).items()}
        return {"recovery_error": _errors(group, params["W"], params["b"], trainer.devices)}

    return per_model.of_groups(trainer, of_group) | {"recovery_matrix": [*MATRICES], "recovery_decoder": [*DECODERS]}


def _errors(group: Group, w: np.ndarray, b: np.ndarray, devices: Sequence[jax.Device]) -> np.ndarray:
    """Errors (model, matrix, decoder) of a group. Models of one seed share their random and packed W."""
    spec = replace(group.spec, estimator="active", batch_size=_BATCH)
    m, n = spec.n_hidden, spec.n_features

    def stream(seed: Array, use: int) -> Array:
        return jax.random.fold_in(jax.random.fold_in(random.key(seed), STREAM), use)

    def others(seed: Array) -> tuple[Array, Array]:
        packed = packing.optimise(stream(seed, 1), jnp.asarray(n), jnp.asarray(m), rows=m, columns=n, steps=_STEPS)
        return jax.random.normal(stream(seed, 0), (m, n)) / m**0.5, packed

    seeds, row = np.unique(group.seeds, return_inverse=True)
    gaussian, packed = population.over_models(others, seeds, devices=devices)
    first, second = data.LAWS[spec.law].moments(group.hparams.value_exponent[:, None])
    mean = group.hparams.density * np.asarray(first)
    variance = group.hparams.density * np.asarray(second) - mean**2
    matrices = np.stack([w, gaussian[row], packed[row]], axis=1)
    a, c = numeric.least_squares(matrices, mean[:, None], variance[:, None])

    def errors(seed: Array, hparams: Hparams, variance: Array, b: Array, w: Array, a: Array, c: Array) -> Array:
        sample = data.sampler(hparams, spec=spec)
        fitted, batch = data.joined(sample, stream(seed, 2), _FITTED), data.joined(sample, stream(seed, 3), _INPUTS)
        rows = []
        for kind, matrix in enumerate(w):
            h, layer = matrix @ batch.x, numeric.fit_relu(matrix, fitted) if kind else (jnp.ones(n), b)
            recovered = [numeric.relu(matrix.T @ h, *layer), a[kind] @ h + c[kind][:, None]]
            recovered += [numeric.matching_pursuit(matrix, h), numeric.l1(matrix, h)]
            rows.append(jnp.stack([numeric.error(batch.x, x, batch.weight, variance) for x in recovered]))
        return jnp.stack(rows)

    arrays = group.seeds, group.hparams, variance, b, matrices, a.astype(np.float32), c.astype(np.float32)
    return population.over_models(errors, *arrays, at_a_time=_AT_A_TIME, devices=devices)


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The decoders' errors in every cell, and the share of ℓ₁'s gain over the linear one that the ReLU layer has."""
    for place, cell in select.ok_cells(dataset, "recovery_error"):
        errors = cell["recovery_error"].sel(recovery_matrix="trained")
        by_decoder = {name: errors.sel(recovery_decoder=name) for name in DECODERS}
        relu, linear, _, l1 = by_decoder.values()
        gained = ((linear - relu) / (linear - l1)).where(l1 < _AHEAD * linear)
        words = ", ".join(f"{name} {mean_error(values, '.2g')}" for name, values in by_decoder.items())
        others = (
            mean_error(cell["recovery_error"].sel(recovery_matrix=kind, recovery_decoder=name), ".2g")
            for kind, name in (("random", "relu"), ("packed", "relu"), ("random", "l1"), ("packed", "l1"))
        )
        yield (
            f"{labels.place(dataset, place, ': ')}{words}; of what l1 gains over linear, relu gains {mean_error(gained, '.2f')}; "
            "W random, packed: relu {}, {}; l1 {}, {}".format(*others)
        )
