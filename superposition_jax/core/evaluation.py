"""The final loss of a trained model, by a far better estimator than the one that trained it; it is the same for all models."""

from collections.abc import Callable
from dataclasses import replace
from types import FunctionType

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from superposition_jax.core import data, model, objective, random
from superposition_jax.types import EVALUATION, Batch, Hparams, Measure, Params, Registry, Spec

QUADRATURE_FEATURES = 5
"""Largest n for which the tensor-product rule is affordable."""
_POINTS = 2**16
"""Most points of the tensor-product rule."""
_REPLICATES, _BATCH = 256, 256
"""Number of batches and their size where there are more features."""

MEASURES = {
    "loss": Measure((), "expected loss E Σ_i I_i (y_i − x'_i)², sum over features; y = x for reconstruction"),
    "loss_stderr": Measure((), "standard error of loss (for n ≤ 5: its change when the quadrature order is halved)"),
    "loss_relative": Measure((), "loss / loss of the best constant predictor Σ_i I_i Var y_i"),
    "dead_outputs": Measure((), "number of ReLU outputs x'_i that are 0 for every possible input (hidden ReLU: input tried)"),
}
"""The losses that every run saves, by name."""


def hidden_l1(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of E ‖h‖₁."""
    h, _ = model.forward(params, batch.x, spec=spec)
    return jnp.sum(objective.PENALTIES["l1"](h) * batch.weight)


ESTIMATES: Registry[FunctionType, Measure] = Registry(
    {
        objective.attacked_loss: Measure((), "expected loss for inputs attacked by attack.size · E‖x‖"),
        objective.attack_radius: Measure((), "attack.size · E‖x‖"),
        hidden_l1: Measure((), "E ‖h‖₁"),
        objective.benefit_loss: Measure((), "loss as if for every output no feature but its own could be on"),
        objective.interference_loss: Measure((), "loss − benefit_loss: what features cost each other"),
    }
)
"""Functions (hparams, params, batch, spec) → estimate that a run also evaluates if `measures` names them."""


def evaluation_spec(spec: Spec) -> Spec:
    """The Spec with the evaluator's estimator: quadrature of at most about 65,536 points for n ≤ 5, else `active` in batches."""
    if spec.n_features <= QUADRATURE_FEATURES:
        return replace(spec, estimator="quadrature", order=min(32, int(_POINTS ** (1 / spec.n_features)) - 1))
    return replace(spec, estimator="active", batch_size=_BATCH)


def dead_outputs(hparams: Hparams, params: Params, *, spec: Spec) -> Int[Array, ""]:
    """Number of ReLU outputs of a tied model with linear hidden layer that no input of the distribution turns on.

    Output i is dead if b_i + Σ_j max_x (WᵀW)_ij x ≤ 0, where x runs over the law's support and, unless the feature is always on,
    0. The gradient of such an output is 0, so it stays dead and loses E y_i². Other activations have no dead outputs.
    """
    if spec.activation != "relu":
        return jnp.zeros((), jnp.int32)
    low, high = data.LAWS[spec.law].support
    gram = params["W"].T @ params["W"]
    most = jnp.where(gram > 0, gram * high, gram * low)
    most = jnp.where(hparams.density[None, :] < 1, jnp.maximum(most, 0.0), most).sum(axis=1)
    return jnp.sum(most + params["b"] <= 0)


def evaluate(hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """`MEASURES` of one model by name, and those of `ESTIMATES` that `spec.measures` names.

    The evaluation's draws have a fixed key and are the same for all models, so that differences of losses have little noise.
    For n > 5 an expectation is the mean over 256 batches of 256 stratified draws, conditioned on an active feature, and the
    standard error is that of the 256 batch means. The relative loss is NaN where targets are constant.
    """
    precise, key = evaluation_spec(spec), jax.random.fold_in(random.key(0), EVALUATION)
    functions: list[FunctionType] = [objective.loss, *(function for function in ESTIMATES if function.__name__ in spec.measures)]
    bounded = spec.activation != "relu" or (spec.kind, spec.hidden_activation) == ("tied", "identity")

    def estimator(spec: Spec) -> Callable[[Array], dict[str, Array]]:
        sample = data.sampler(hparams, spec=spec)

        def estimate(key: Array) -> dict[str, Array]:
            batch = sample(key)
            estimates = {function.__name__: function(hparams, params, batch, spec=spec) for function in functions}
            if bounded:
                return estimates
            _, output = model.forward(params, batch.x, spec=spec)
            return estimates | {"on": ((output > 0) & (batch.weight > 0)[None, :]).any(axis=1)}

        return estimate

    if precise.estimator == "quadrature":
        estimates = estimator(precise)(key)
        coarse = estimator(replace(precise, order=max(1, precise.order // 2)))(key)
        stderr = jnp.abs(estimates["loss"] - coarse["loss"])
    else:
        by_batch = jax.lax.map(estimator(precise), jax.random.split(key, _REPLICATES))
        estimates = {name: values.any(axis=0) if name == "on" else values.mean() for name, values in by_batch.items()}
        stderr = by_batch["loss"].std(ddof=1) / _REPLICATES**0.5
    on, constant = estimates.pop("on", None), objective.constant_loss(hparams, spec=spec)
    dead = dead_outputs(hparams, params, spec=spec) if on is None else jnp.sum(~on)
    return estimates | {
        "loss_stderr": stderr,
        "loss_relative": jnp.where(constant > 0, estimates["loss"] / constant, jnp.nan),
        "dead_outputs": dead,
    }
