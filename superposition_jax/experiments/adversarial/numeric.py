"""What attacks cost one model, in units of what they cost a model without superposition."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from superposition_jax.core import attack, data, evaluation, model, targets
from superposition_jax.experiments.adversarial import SCALES
from superposition_jax.types import Hparams, Params, Spec

_INPUTS, _BATCHES = 128, 16
"""Inputs of a batch, and batches, for n > 5; with fewer features all inputs are summed by quadrature."""
_STARTS, _STEPS = 3, 40
"""Random starts of the search, and steps of each. A test holds that ten times as many of 100 steps reach hardly more."""


def costs(key: Array, hparams: Hparams, params: Params, radius: Array, *, spec: Spec) -> dict[str, Array]:
    """Means over inputs for attacks of `SCALES` times a radius, in units of λ² max I_i, the cost without superposition.

    `along_row` and `search` are what these attacks add to the error Σ_i I_i (y_i − x'_i)². `gain` is the greatest
    Σ_i I_i (x'_i(x + δ) − x'_i(x))² that is found, in which the error of the clean input has no part.
    """
    spec = evaluation.sampling_spec(spec)
    if spec.estimator != "quadrature":
        spec = replace(spec, batch_size=_INPUTS)
    sample = data.sampler(hparams, spec=spec)

    def of_batch(key: Array) -> dict[str, Array]:
        x, weight = sample(jax.random.fold_in(key, 2 * len(SCALES)))
        y = jnp.stack([targets.target(x, spec=spec), model.forward(params, x, spec=spec)[1]])

        def added(case: Array) -> tuple[Array, Array]:
            length, clean = radius * jnp.array(SCALES)[case % len(SCALES)], y[case // len(SCALES)]
            error, starts = attack.errors(hparams, params, x, clean, spec=spec), jax.random.fold_in(key, case)
            worst = attack.search(starts, hparams, params, x, clean, length, starts=_STARTS, steps=_STEPS, spec=spec)
            row, searched = ((most - error) @ weight / (length * length) for most in worst)
            return row, searched

        row, searched = jax.lax.map(added, jnp.arange(2 * len(SCALES)))
        return {"along_row": row[: len(SCALES)], "search": searched[: len(SCALES)], "gain": searched[len(SCALES) :]}

    keys = jax.random.split(key, 1 if spec.estimator == "quadrature" else _BATCHES)
    means = jax.tree.map(lambda batches: batches.mean(axis=0), jax.lax.map(of_batch, keys))
    return jax.tree.map(lambda mean: mean / hparams.importance.max(), means)
