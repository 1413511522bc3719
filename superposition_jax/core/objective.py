"""What training minimises: the importance-weighted squared error, a sum over features and a mean over data, and a penalty."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import attack, model, targets
from superposition_jax.types import Batch, Hparams, Params, Registry, Spec, described

PENALTIES: Registry[str, Callable[[Float[Array, "hidden batch"]], Float[Array, " batch"]]] = Registry(
    l1=described("E ‖h‖₁", lambda h: jnp.sum(jnp.abs(h), axis=0))
)
"""Functions of h (hidden, batch) by name, whose expectation times `penalty_weight` is added to the loss."""


def loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of L = E Σ_i I_i (y_i − x'_i)², with y = x for reconstruction. Elhage et al. 2022, "Experiment setup"."""
    return _error(hparams, batch, model.forward(params, batch.x, spec=spec)[1], spec=spec)


def _error(hparams: Hparams, batch: Batch, output: Array, *, spec: Spec) -> Float[Array, ""]:
    error = targets.target(batch.x, spec=spec) - output
    return jnp.sum((hparams.importance @ (error * error)) * batch.weight)


def attacked_loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The loss of the outputs for attacked inputs (`attack.perturb`), with the targets of the clean inputs."""
    x = attack.perturb(hparams, params, batch, spec=spec)
    return _error(hparams, batch, model.forward(params, x, spec=spec)[1], spec=spec)


def minimised(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The training objective: the loss, of attacked inputs if `spec.adversarial`, plus `penalty_weight` times the penalty."""
    x = attack.perturb(hparams, params, batch, spec=spec) if spec.adversarial else batch.x
    h, output = model.forward(params, x, spec=spec)
    total = _error(hparams, batch, output, spec=spec)
    if spec.penalty is None:
        return total
    return total + hparams.penalty_weight * jnp.sum(PENALTIES[spec.penalty](h) * batch.weight)


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
