"""The final loss of a trained model, by a far better estimator than the one that trained it, the same for every model."""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from superposition_jax import data, objective, prng
from superposition_jax.types import EVALUATION, Hparams, Measure, Params, Spec

QUADRATURE_FEATURES = 5
"""Largest n for which the tensor-product rule is affordable."""
_POINTS = 2**16
_REPLICATES, _BATCH = 256, 256

MEASURES = {
    "loss": Measure((), "expected loss E Σ_i I_i (x_i − x'_i)², sum over features"),
    "loss_stderr": Measure((), "standard error of loss (for n ≤ 5: its change when the quadrature order is halved)"),
    "loss_relative": Measure((), "loss / loss of the best constant predictor Σ_i I_i Var x_i"),
    "dead_outputs": Measure((), "number of ReLU outputs x'_i that are 0 for every possible input"),
}


def evaluation_spec(spec: Spec) -> Spec:
    """The Spec with the evaluator's estimator: for n ≤ 5 quadrature of about 65,536 points at most, else `active` in batches."""
    if spec.n_features <= QUADRATURE_FEATURES:
        return replace(spec, estimator="quadrature", order=min(32, int(_POINTS ** (1 / spec.n_features)) - 1))
    return replace(spec, estimator="active", batch_size=_BATCH)


def dead_outputs(hparams: Hparams, params: Params, *, spec: Spec) -> Int[Array, ""]:
    """Number of ReLU outputs that no input of the distribution turns on.

    Output i is dead if b_i + Σ_j max_x (WᵀW)_ij x ≤ 0, where x runs over the law's support and 0 (unless the feature is
    always on). Such an output costs E x_i² for ever, since its gradient is 0. Other activations have none.
    """
    if spec.activation != "relu":
        return jnp.zeros((), jnp.int32)
    low, high = data.LAWS[spec.law].support
    w = params["W"]
    gram = w.T @ w
    most = jnp.where(gram > 0, gram * high, gram * low)
    most = jnp.where(hparams.density[None, :] < 1, jnp.maximum(most, 0.0), most).sum(axis=1)
    return jnp.sum(most + params["b"] <= 0)


def evaluate(hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """`MEASURES` of one model. All models share the evaluation's draws (a fixed key), so their losses compare closely.

    For n > 5 the loss is the mean over 256 batches of 256 stratified draws, conditioned on an active feature, and the
    standard error is that of the 256 batch means. The relative loss is NaN where features are constant.
    """
    here, key = evaluation_spec(spec), jax.random.fold_in(prng.key(0), EVALUATION)

    def estimator(spec: Spec) -> Callable[[Array], Float[Array, ""]]:
        sample = data.sampler(hparams, spec=spec)
        return lambda key: objective.loss(hparams, params, sample(key), spec=spec)

    if here.estimator == "quadrature":
        loss = estimator(here)(key)
        stderr = jnp.abs(loss - estimator(replace(here, order=max(1, here.order // 2)))(key))
    else:
        losses = jax.lax.map(estimator(here), jax.random.split(key, _REPLICATES))
        loss, stderr = losses.mean(), losses.std(ddof=1) / _REPLICATES**0.5
    constant = objective.constant_loss(hparams, spec=spec)
    return {
        "loss": loss,
        "loss_stderr": stderr,
        "loss_relative": jnp.where(constant > 0, loss / constant, jnp.nan),
        "dead_outputs": dead_outputs(hparams, params, spec=spec),
    }
