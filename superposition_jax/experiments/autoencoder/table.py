"""Sparse autoencoders of every model's hidden activations, and how well they recover its features."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from superposition_jax.core import geometry, model, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.autoencoder import STREAM, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.sweep import Group, take
from superposition_jax.types import Hparams, Params, Spec

SIZES = (0.5, 1.0, 2.0, 4.0)
"""Latents per feature, D/n."""
KINDS = {**{f"ℓ₁ {weight:g}": (0, weight) for weight in (0.03, 0.1, 0.3, 1.0)}, **{f"top {k}": (k, 0.0) for k in (1, 2, 4)}}
"""k (0: all) and λ of the sparse autoencoders, by name."""
SEEDS = 2
"""Sparse autoencoders of each size and kind for every model."""
_AT_A_TIME = 32
"""Sparse autoencoders that a device trains together."""
SHOWN = 2.0
"""The D/n that findings and the figure of counts show."""


def dictionary(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Recovery of represented features (‖W_i‖ > ½) by sparse autoencoders of several sizes, kinds and seeds; see `numeric`."""
    arrays = per_model.of_groups(trainer, lambda group: _of_group(group, per_model.parameters(dataset, group), trainer.devices))
    return arrays | {"dictionary": [*SIZES], "sae": [*KINDS], "sae_seed": np.arange(SEEDS)}


def _of_group(group: Group, params: per_model.Arrays, devices) -> per_model.Arrays:
    """The table's variables of a group's models (model, size, kind, seed)."""
    n, m, cases = group.spec.n_features, group.spec.n_hidden, (len(SIZES), len(KINDS), SEEDS)
    row, size, kind, seed = (index.ravel() for index in np.indices((len(group.points), *cases)))
    latents = np.maximum(1, np.round(n * np.array(SIZES))).astype(int)
    k, weight = (np.array(numbers, np.float32) for numbers in zip(*KINDS.values(), strict=True))
    trained = population.over_models(
        partial(_train, spec=group.spec, shape=(m, int(latents.max()))),
        *(group.seeds[row], seed, take(group.hparams, row), {name: values[row] for name, values in params.items()}),
        numeric.Setting(latents[size].astype(np.float32), k[kind], weight[kind]),
        at_a_time=_AT_A_TIME,
        devices=devices,
    )
    truth = np.asarray(model.ACTIVATIONS[group.spec.hidden_activation](params["W"]))  # h of each feature alone
    norm, is_represented = (
        np.linalg.norm(truth, axis=1, keepdims=True),
        np.linalg.norm(params["W"], axis=1) > geometry.REPRESENTED,
    )
    unit, alive = truth / np.where(norm > 0, norm, 1), trained.pop("alive")
    features = [columns[:, represented] for columns, represented in zip(unit, is_represented, strict=True)]
    decoders = zip(row, trained.pop("decoder"), alive, strict=True)
    cosines = np.array([numeric.recovery(features[k], decoder[:, living]) for k, decoder, living in decoders])
    arrays = dict(zip(("sae_features_found", "sae_latents_true", "sae_matched"), cosines.T, strict=True))
    arrays |= {f"sae_{name}": values for name, values in trained.items()}
    arrays["sae_chance"] = np.array([numeric.chance(m, count) for count in range(alive.shape[1] + 1)])[alive.sum(axis=1)]
    return {name: values.reshape(-1, *cases).astype(np.float32) for name, values in arrays.items()}


def _train(model_seed, seed, hparams: Hparams, params: Params, setting: numeric.Setting, *, spec: Spec, shape: tuple[int, int]):
    """The measures of one trained sparse autoencoder."""
    key = jax.random.fold_in(jax.random.fold_in(random.key(model_seed), STREAM), seed)
    sample, test = (numeric.activations(hparams, params, spec=spec, batches=count) for count in (1, numeric.BATCHES))
    return numeric.evaluate(numeric.learn(key, sample, setting, shape=shape), test, setting)


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Recovery, count and explained variance of every kind of autoencoder in every cell."""
    names = ("sae_features_found", "sae_chance", "sae_latents", "sae_explained", "represented")
    for place, seeds in select.ok_cells(dataset.sel(dictionary=SHOWN), *names):
        cell = seeds.mean("sae_seed")
        words = [
            f"{kind} {mean_error(sae['sae_features_found'], '.3f')} (chance {float(sae['sae_chance'].mean()):.2f}), "
            f"{mean_error(sae['sae_latents'], '.1f')} latents, "
            f"{mean_error(sae['sae_explained'], '.2f')} of variance"
            for kind, sae in ((kind, cell.sel(sae=kind)) for kind in KINDS)
        ]
        features = f"{labels.place(dataset, place, ', ')}{mean_error(cell['represented'], '.1f')} features"
        yield f"{features}, D = {SHOWN:g}n: cosine and estimate by {'; '.join(words)}"
