"""What training minimises: the importance-weighted squared error, a sum over features and a mean over data, and a penalty.

Inputs may be attacked first. The attack on x' = f(WᵀWx + b) is analytic, because a gradient would miss outputs whose ReLU is off.
Elhage et al. 2022, "Superposition and adversarial examples".
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from superposition_jax.core import expectation, model, targets
from superposition_jax.types import Batch, Hparams, Params, Registry, Spec, described

PENALTIES = Registry(l1=described("E ‖h‖₁", lambda h: jnp.sum(jnp.abs(h), axis=0)))
"""Functions h (hidden, batch) → (batch,) by name, whose expectation times `penalty_weight` is added to the loss."""


def loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of L = E Σ_i I_i (y_i − x'_i)², with y = x for reconstruction. Elhage et al. 2022, "Experiment setup"."""
    return expectation.sampled(hparams, params, batch, {}, spec=spec)[0]


def attack_radius(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Length of the attack, `attack_size` times the mean input norm E‖x‖."""
    return hparams.attack_size * jnp.sum(batch.weight * jnp.sqrt(jnp.sum(batch.x**2, axis=0)))


def attacked(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, "feature batch"]:
    """x ± λ G_i/‖G_i‖ with G = WᵀW, λ the `attack_radius`, and for each input the sign and the output i with the largest error.

    Along G_i output i's pre-activation changes by λ‖G_i‖, as much as a perturbation of that length can change it. The errors
    are I_i times output i's squared error. No gradient flows through the perturbation.
    """
    gram = params["W"].T @ params["W"]
    norm = jnp.sqrt(jnp.sum(gram * gram, axis=0))
    length = attack_radius(hparams, params, batch, spec=spec)
    f, (_, z) = model.ACTIVATIONS[spec.activation], model.preactivation(params, batch.x, spec=spec)
    y, reach = targets.target(batch.x, spec=spec), (length * norm)[:, None]
    up, down = (y - f(z + reach)) ** 2, (y - f(z - reach)) ** 2
    worst = jnp.argmax(hparams.importance[:, None] * jnp.maximum(up, down), axis=0)
    sign = jnp.take_along_axis(jnp.where(up >= down, 1.0, -1.0), worst[None, :], axis=0)
    step = gram / jnp.where(norm > 0, norm, 1.0)[None, :]
    return batch.x + stop_gradient(length * sign * step[:, worst])


def attacked_loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The loss of the outputs for `attacked` inputs, with the targets of the clean inputs."""
    x = attacked(hparams, params, batch, spec=spec)
    return expectation.squared_error(hparams, batch, model.forward(params, x, spec=spec)[1], spec=spec)


def minimised(
    hparams: Hparams, params: Params, inputs: Any, known: expectation.Statistics, *, spec: Spec
) -> tuple[Float[Array, ""], expectation.Statistics]:
    """The training objective: the loss, of attacked inputs if `spec.adversarial`, plus `penalty_weight` times the penalty.

    Also returns the statistics of the `expectation.inputs`; `known` are those of other inputs (see `expectation.moments`).
    """
    if spec.adversarial:
        total, statistics = attacked_loss(hparams, params, inputs, spec=spec), {}
        inputs = inputs._replace(x=attacked(hparams, params, inputs, spec=spec))
    else:
        total, statistics = expectation.EXPECTATIONS[spec.expectation].loss(hparams, params, inputs, known, spec=spec)
    if spec.penalty is None:
        return total, statistics
    h, _ = model.forward(params, inputs.x, spec=spec)
    return total + hparams.penalty_weight * jnp.sum(PENALTIES[spec.penalty](h) * inputs.weight), statistics


def constant_loss(hparams: Hparams, *, spec: Spec) -> Float[Array, ""]:
    """Loss Σ_i I_i Var y_i of the best constant outputs; for values U[0, 1] and y = x it is Σ_i I_i (p_i/3 − p_i²/4)."""
    mean, square = targets.moments(hparams, spec=spec)
    return jnp.sum(hparams.importance * (square - mean * mean))


def benefit_loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The loss with every output x'_i computed as if no feature but i were active: what is lost without interference."""
    kind = model.MODELS[spec.kind]
    rows = (params[kind.directions], params[kind.read_out])

    def add(z: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        into, out = row
        return z + out[:, None] * model.ACTIVATIONS[spec.hidden_activation](into[:, None] * batch.x), None

    z, _ = jax.lax.scan(add, jnp.zeros_like(batch.x), rows)
    bias = params["b"][:, None] if spec.bias else 0.0
    error = targets.target(batch.x, spec=spec) - model.ACTIVATIONS[spec.activation](z + bias)
    return (hparams.importance @ (error * error)) @ batch.weight


def interference_loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The loss minus `benefit_loss`: what features lose or gain by changing each other's outputs; 0 if they are orthogonal."""
    return loss(hparams, params, batch, spec=spec) - benefit_loss(hparams, params, batch, spec=spec)
