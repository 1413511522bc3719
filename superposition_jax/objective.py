"""The importance-weighted squared error, as the paper writes it: a sum over features, a mean over data."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax import data, model
from superposition_jax.types import Batch, Hparams, Params, Spec


def loss(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of L = E Σ_i I_i (x_i − x'_i)², Elhage et al. 2022, "Experiment setup"."""
    error = batch.x - model.apply(params, batch.x, spec=spec)
    return jnp.sum((hparams.importance @ (error * error)) * batch.weight)


def constant_loss(hparams: Hparams, *, spec: Spec) -> Float[Array, ""]:
    """Loss of the best constant predictor, Σ_i I_i Var x_i; for U[0,1] values it is Σ_i I_i (p_i/3 − p_i²/4)."""
    mean, square = data.moments(hparams, spec=spec)
    return jnp.sum(hparams.importance * (square - mean * mean))
