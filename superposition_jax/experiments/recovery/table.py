"""How well x is recovered from h = Wx, by the model's ReLU layer and by decoders that know W, and the same for other W."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from superposition_jax.core import data, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.packing import numeric as packing
from superposition_jax.experiments.recovery import numeric as decoders
from superposition_jax.experiments.tables import told
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.sweep import Group
from superposition_jax.types import RECOVERY, Hparams

MATRICES = "trained", "random", "packed"
DECODERS = "relu", "linear", "pursuit", "l1"
_BATCH, _FITTED, _INPUTS, _STEPS, _AT_A_TIME = 128, 16, 4, 500, 4
"""Inputs of a batch, batches to fit on and to measure on; steps of packing, and models in memory together."""
_AHEAD = 0.9
"""Of the linear decoder's error, what ℓ₁ must be below for the ReLU layer to be placed between them."""


def recovery(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """E‖x − x'‖² over Σ Var x_i of four decoders, for the model's W, a Gaussian one and optimised unit vectors.

    The trained W has the bias that it was trained with; the others' ReLU layer has gains and biases fitted to other inputs of
    the same law. Importance does not count. Elhage et al. 2022, "Mathematical Understanding" (compressed sensing).
    """
    sweep = dataset["status"]
    w = select.directions(dataset).transpose(*sweep.dims, "hidden", "feature").values
    w = w.reshape(-1, *w.shape[-2:])
    b = dataset["b"].fillna(0.0).transpose(*sweep.dims, "feature").values.reshape(len(w), -1)
    errors = np.empty((sweep.size, len(MATRICES), len(DECODERS)), np.float32)
    for group in trainer.groups:
        m, n = group.spec.n_hidden, group.spec.n_features
        errors[group.points] = _errors(group, w[group.points][:, :m, :n], b[group.points][:, :n], trainer.devices)
    dims = *sweep.dims, "recovery_matrix", "recovery_decoder"
    meaning = {"long_name": "E‖x − x'‖² / Σ Var x_i of x recovered from Wx"}
    found = xr.Variable(dims, errors.reshape((*sweep.shape, *errors.shape[1:])), meaning)
    axes = {"recovery_matrix": list(MATRICES), "recovery_decoder": list(DECODERS)}
    table = xr.Dataset({"recovery_error": found}, coords=axes)
    return told(dataset, table, _findings)


def _errors(group: Group, w: np.ndarray, b: np.ndarray, devices: Sequence[jax.Device]) -> np.ndarray:
    """Errors (model, matrix, decoder) of a group. Random and packed W are those of the seed."""
    spec = replace(group.spec, estimator="active", batch_size=_BATCH)
    m, n = spec.n_hidden, spec.n_features

    def stream(seed: Array, use: int) -> Array:
        return jax.random.fold_in(jax.random.fold_in(random.key(seed), RECOVERY), use)

    def others(seed: Array) -> tuple[Array, Array]:
        gaussian = jax.random.normal(stream(seed, 0), (m, n)) / m**0.5
        size, dimension = jnp.asarray(n), jnp.asarray(m)
        return gaussian, packing.optimise(stream(seed, 1), size, dimension, rows=m, columns=n, steps=_STEPS)

    seeds, place = np.unique(group.seeds, return_inverse=True)
    gaussian, packed = population.over_models(others, seeds, devices=devices)
    first, second = data.LAWS[spec.law].moments(group.hparams.value_exponent[:, None])
    mean = group.hparams.density * np.asarray(first)
    variance = group.hparams.density * np.asarray(second) - mean**2
    matrices = np.stack([w, gaussian[place], packed[place]], axis=1)
    a, c = decoders.least_squares(matrices, mean[:, None], variance[:, None])

    def errors(seed: Array, hparams: Hparams, variance: Array, b: Array, w: Array, a: Array, c: Array) -> Array:
        sample = data.sampler(hparams, spec=spec)
        fitted, batch = data.joined(sample, stream(seed, 2), _FITTED), data.joined(sample, stream(seed, 3), _INPUTS)
        rows = []
        for kind, one in enumerate(w):
            h, layer = one @ batch.x, decoders.fit_relu(one, fitted) if kind else (jnp.ones(n), b)
            found = (
                decoders.relu(one, h, *layer),
                a[kind] @ h + c[kind][:, None],
                decoders.matching_pursuit(one, h),
                decoders.l1(one, h),
            )
            rows.append(jnp.stack([decoders.error(batch.x, x, batch.weight, variance) for x in found]))
        return jnp.stack(rows)

    arrays = group.seeds, group.hparams, variance, b, matrices, a.astype(np.float32), c.astype(np.float32)
    return population.over_models(errors, *arrays, at_a_time=_AT_A_TIME, devices=devices)


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[["recovery_error", "loss"]]):
        errors = cell["recovery_error"].sel(recovery_matrix="trained")
        each = [errors.sel(recovery_decoder=name).values for name in DECODERS]
        relu, linear, _, l1 = each
        ahead = l1 < _AHEAD * linear
        gained = np.where(ahead, (linear - relu) / np.where(ahead, linear - l1, 1.0), np.nan)
        said = ", ".join(f"{name} {mean_error(values, '.2g')}" for name, values in zip(DECODERS, each, strict=True))
        others = (
            mean_error(cell["recovery_error"].sel(recovery_matrix=kind, recovery_decoder=name).values, ".2g")
            for kind, name in (("random", "relu"), ("packed", "relu"), ("random", "l1"), ("packed", "l1"))
        )
        yield (
            f"{labels.place(dataset, here, ': ')}{said}; of what l1 gains over linear, ReLU gains {mean_error(gained, '.2f')}; "
            "W random, packed: relu {}, {}; l1 {}, {}".format(*others)
        )
