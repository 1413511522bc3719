"""Adversarial inputs by an analytic attack on x' = f(WᵀWx + b). A gradient would miss outputs whose ReLU is off.

Elhage et al. 2022, "Superposition and adversarial examples".
"""

import jax.numpy as jnp
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from superposition_jax.core import model, targets
from superposition_jax.types import Batch, Hparams, Params, Spec


def radius(hparams: Hparams, batch: Batch) -> Float[Array, ""]:
    """Length of the attack, `attack_size` times the mean input norm E‖x‖."""
    return hparams.attack_size * jnp.sum(batch.weight * jnp.sqrt(jnp.sum(batch.x**2, axis=0)))


def perturb(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, "feature batch"]:
    """x ± λ G_i/‖G_i‖ with G = WᵀW, λ the `radius`, and for each input the sign and the output i with the largest error.

    Along G_i output i's pre-activation changes by λ‖G_i‖, as much as a perturbation of that length can change it. The errors
    are I_i times output i's squared error. No gradient flows through the perturbation.
    """
    gram = params["W"].T @ params["W"]
    norm = jnp.sqrt(jnp.sum(gram * gram, axis=0))
    length = radius(hparams, batch)
    f, (_, z) = model.ACTIVATIONS[spec.activation], model.preactivation(params, batch.x, spec=spec)
    y, reach = targets.target(batch.x, spec=spec), (length * norm)[:, None]
    up, down = (y - f(z + reach)) ** 2, (y - f(z - reach)) ** 2
    worst = jnp.argmax(hparams.importance[:, None] * jnp.maximum(up, down), axis=0)
    sign = jnp.take_along_axis(jnp.where(up >= down, 1.0, -1.0), worst[None, :], axis=0)
    step = gram / jnp.where(norm > 0, norm, 1.0)[None, :]
    return batch.x + stop_gradient(length * sign * step[:, worst])
