"""Optax optimizers from one model's numbers, built inside the traced step so that the numbers may differ by model."""

import jax.numpy as jnp
import optax
from jax import Array

from superposition_jax.types import Hparams, Registry, Spec, described

SCHEDULES = Registry(
    constant=described("1", lambda t: jnp.ones_like(t)),
    linear=described("1 − t", lambda t: 1 - t),
    cosine=described("(1 + cos πt)/2", lambda t: (1 + jnp.cos(jnp.pi * t)) / 2),
)
"""Position between the final (0) and the full learning rate (1) at time t in [0, 1] after warm-up, by name."""


def learning_rate(hparams: Hparams, step: Array, *, spec: Spec) -> Array:
    """The learning rate of a step, counted from 0.

    It rises linearly to `learning_rate` over the fraction `warmup` of the steps, then falls to `final_rate` times that.
    """
    time = step / spec.steps
    after = jnp.clip((time - hparams.warmup) / jnp.maximum(1 - hparams.warmup, 1e-6), 0.0, 1.0)
    decayed = hparams.final_rate + (1 - hparams.final_rate) * SCHEDULES[spec.schedule](after)
    rising = (step + 1) / jnp.maximum(hparams.warmup * spec.steps, 1.0)
    return hparams.learning_rate * decayed * jnp.minimum(rising, 1.0)


def _adam(hparams: Hparams) -> optax.GradientTransformation:
    """Adam with b1, b2 and eps. Kingma & Ba 2015."""
    return optax.scale_by_adam(hparams.b1, hparams.b2, hparams.eps)


OPTIMIZERS = Registry(
    adam=_adam,
    adamw=described(
        "Adam with decoupled decay of W and b", lambda h: optax.chain(_adam(h), optax.add_decayed_weights(h.weight_decay))
    ),
    sgd=described(
        "gradient and decay, with momentum",
        lambda h: optax.chain(optax.add_decayed_weights(h.weight_decay), optax.trace(h.momentum)),
    ),
)
"""Updates by name, before they are multiplied by the learning rate. Kingma & Ba 2015; Loshchilov & Hutter 2019."""


def build(hparams: Hparams, step: Array, *, spec: Spec) -> optax.GradientTransformation:
    """The optimizer of one model with the learning rate of a step."""
    return optax.chain(OPTIMIZERS[spec.optimizer](hparams), optax.scale(-learning_rate(hparams, step, spec=spec)))
