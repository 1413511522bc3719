"""The least loss of x' = f(WᵀWx + b) with W held to an arrangement of its features: the best lengths and biases.

A pattern of whole numbers (hidden, feature) says what W may be: ±k stands for ±|θ_k|, with k from 1, and 0 for 0. So W keeps its
zeros, its signs and which entries are equal, whatever θ is. A length may become 0, which drops a feature.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, Int

from superposition_jax.core import expectation, objective, targets
from superposition_jax.types import Hparams, Params, Spec

STEPS, ORDER = 600, 8
"""Steps of the search for a minimum, and its nodes of quadrature (`Spec.order`), which are fewer than those of evaluation."""
_RATE, _B2 = 0.03, 0.9


Pattern = Int[Array, "hidden feature"] | Int[np.ndarray, "hidden feature"]


class Arrangement(NamedTuple):
    """A pattern, and the lengths θ from which the minimum is sought; of many arrangements with a leading axis."""

    pattern: Int[Array | np.ndarray, "*model hidden feature"]
    start: Float[Array | np.ndarray, "*model length"]


def arrangement(rows: list[list[int]], *start: float) -> Arrangement:
    """An arrangement by the rows of its pattern, with room for as many lengths as W has entries."""
    pattern = np.array(rows)
    return Arrangement(pattern, np.pad(np.array(start, np.float32), (0, pattern.size - len(start))))


def weights(pattern: Pattern, theta: Float[Array, " length"]) -> Float[Array, "hidden feature"]:
    """W of a pattern with lengths |θ|.

    >>> weights(jnp.array([[1, -2]]), jnp.array([1.0, 0.5])).tolist()  # an antipodal pair
    [[1.0, -0.5]]
    """
    numbers = jnp.asarray(pattern)
    return jnp.sign(numbers) * jnp.append(0.0, jnp.abs(theta))[jnp.abs(numbers)]


def optimum(within: Arrangement, hparams: Hparams, *, spec: Spec, order: int = ORDER, steps: int = STEPS) -> Params:
    """The parameters of least loss within an arrangement, for a tied model with a linear hidden layer and n ≤ 5.

    Adam follows the gradient by θ and b of the quadrature over patterns of active features. Biases start at (1 − ‖W_i‖²) E x_i,
    the best ones of a linear feature alone, and stay there for features without a direction. It is a local minimum.
    """
    spec = replace(spec, estimator="quadrature", order=order, expectation="own_feature")
    inputs, scale = expectation.inputs(hparams, spec=spec)(()), objective.constant_loss(hparams, spec=spec)
    adam = optax.adam(optax.cosine_decay_schedule(_RATE, steps), b2=_B2)
    (mean, _), has_direction = targets.moments(hparams, spec=spec), jnp.any(jnp.asarray(within.pattern) != 0, axis=0)

    def params(free: tuple[Array, Array]) -> Params:
        return {"W": weights(within.pattern, free[0]), "b": jnp.where(has_direction, free[1], mean)}

    def loss(free: tuple[Array, Array]) -> Array:
        return expectation.own_feature(hparams, params(free), inputs, {}, spec=spec)[0] / scale

    def step(_, carry):
        free, state = carry
        updates, state = adam.update(jax.grad(loss)(free), state)
        return optax.apply_updates(free, updates), state

    theta = jnp.asarray(within.start)
    start = theta, (1 - jnp.sum(weights(within.pattern, theta) ** 2, axis=0)) * mean
    free, _ = jax.lax.fori_loop(0, steps, step, (start, adam.init(start)))
    return params(free)
