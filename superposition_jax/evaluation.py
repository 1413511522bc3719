"""The final loss of a trained model, by a far better estimator than the one that trained it, the same for every model."""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float

from superposition_jax import data, model, objective
from superposition_jax.types import Hparams, Measure, Params, Spec

QUADRATURE_FEATURES = 5
"""Largest n for which the tensor-product rule is affordable."""
_POINTS = 2**16
_REPLICATES, _BATCH = 256, 256

MEASURES = {
    "loss": Measure((), "expected loss E Σ_i I_i (x_i − x'_i)², sum over features"),
    "loss_stderr": Measure((), "standard error of loss (for n ≤ 5: change of loss when the quadrature order is halved)"),
    "loss_relative": Measure((), "loss / loss of the best constant predictor Σ_i I_i Var x_i"),
    "dead_outputs": Measure((), "number of outputs x'_i that are 0 for every input"),
}


def evaluation_spec(spec: Spec) -> Spec:
    """The Spec with the evaluator's estimator: quadrature of up to 65,536 points for n ≤ 5, else `active` in large batches."""
    if spec.n_features <= QUADRATURE_FEATURES:
        return replace(spec, estimator="quadrature", order=min(32, int(_POINTS ** (1 / spec.n_features)) - 1))
    return replace(spec, estimator="active", batch_size=_BATCH)


def _look(key: Array, hparams: Hparams, params: Params, spec: Spec) -> tuple[Float[Array, ""], Bool[Array, " feature"]]:
    """One estimate of the loss, and which outputs were not 0 for some input of positive weight."""
    batch = data.sample(key, hparams, spec=spec)
    fired = (model.apply(params, batch.x, spec=spec) != 0) & (batch.weight > 0)[None, :]
    return objective.loss(hparams, params, batch, spec=spec), fired.any(axis=1)


def evaluate(hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """`MEASURES` of one model. All models share the evaluation's draws (a fixed key), so their losses compare closely.

    For n > 5 the loss is the mean over 256 batches of 256 stratified draws, conditioned on an active feature, and the
    standard error is that of the 256 batch means.
    """
    spec, key = evaluation_spec(spec), jax.random.key(0)
    if spec.estimator == "quadrature":
        loss, fired = _look(key, hparams, params, spec)
        coarse, _ = _look(key, hparams, params, replace(spec, order=max(1, spec.order // 2)))
        stderr = jnp.abs(loss - coarse)
    else:
        keys = jax.random.split(key, _REPLICATES)
        losses, fired = jax.lax.map(lambda k: _look(k, hparams, params, spec), keys)
        loss, stderr = losses.mean(), losses.std(ddof=1) / _REPLICATES**0.5
        fired = fired.any(axis=0)
    return {
        "loss": loss,
        "loss_stderr": stderr,
        "loss_relative": loss / objective.constant_loss(hparams, spec=spec),
        "dead_outputs": jnp.sum(~fired),
    }
