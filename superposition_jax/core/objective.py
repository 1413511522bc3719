"""What training minimises: the importance-weighted squared error, a sum over features and a mean over data, and a penalty.

Inputs may be attacked first, see `attack`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from superposition_jax.core import attack, expectation, model, targets
from superposition_jax.types import Batch, Hparams, Params, Registry, Spec, described

PENALTIES = Registry(l1=described("E ‖h‖₁", lambda h: jnp.sum(jnp.abs(h), axis=0)))
"""Functions h (hidden, batch) → (batch,) by name, whose expectation times `penalty_weight` is added to the loss."""
_STEPS = 3
"""Steps of ascent in adversarial training. With more of them the loss under attack is no lower, but training takes longer."""


def loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of L = E Σ_i I_i (y_i − x'_i)², with y = x for reconstruction. Elhage et al. 2022, "Experiment setup"."""
    return expectation.sampled(hparams, params, batch, {}, spec=spec)[0]


def attacked(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Batch:
    """The batch on which adversarial training minimises the error: inputs moved `along_row`, then up the error's gradient.

    No gradient flows through the attack. Danskin 1967, "The theory of max-min".
    """
    params, x, y = stop_gradient(params), batch.x, targets.target(batch.x, spec=spec)
    radius = attack.attack_radius(hparams, params, batch, spec=spec)
    row = attack.along_row(hparams, params, x, y, radius, spec=spec)
    return batch._replace(x=x + stop_gradient(attack.ascend(hparams, params, x, y, radius, row, _STEPS, spec=spec)))


def attacked_loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The loss of the outputs for inputs attacked `along_row`, with the targets of the clean inputs."""
    y, radius = targets.target(batch.x, spec=spec), attack.attack_radius(hparams, params, batch, spec=spec)
    row = attack.along_row(hparams, params, batch.x, y, radius, spec=spec)
    return attack.errors(hparams, params, batch.x + row, y, spec=spec) @ batch.weight


def minimised(
    hparams: Hparams, params: Params, inputs: Any, known: expectation.Statistics, *, spec: Spec
) -> tuple[Float[Array, ""], expectation.Statistics]:
    """The training objective: the loss, of attacked inputs if `spec.adversarial`, plus `penalty_weight` times the penalty.

    Also returns the statistics of the `expectation.inputs`; `known` are those of other inputs (see `expectation.moments`).
    """
    if spec.adversarial:
        y, inputs = targets.target(inputs.x, spec=spec), attacked(hparams, params, inputs, spec=spec)
        total, statistics = attack.errors(hparams, params, inputs.x, y, spec=spec) @ inputs.weight, {}
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
