"""Almost orthogonal vectors: unit vectors with the least coherence max_{i≠j} |cos(v_i, v_j)|, by descent from a random start.

Sizes are numbers rather than shapes, and arrays are padded, so that one program solves problems of many sizes.
"""

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.scipy.special import logsumexp
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from superposition_jax.core.geometry import REPRESENTED, Weights, coherence, feature_norm, superposition

_HARDNESS = 4.0, 1000.0
"""The p of the p-norm over pairs at the first and at the last step."""
_RATE = 0.3
"""The first learning rate times √m. The rate falls as 1/p, because the p-norm bends ever more sharply."""


def _normalised(v: Weights) -> Weights:
    return v / jnp.sqrt(jnp.sum(v * v, axis=0))[None, :]


def _soft_coherence(v: Weights, live: Float[Array, " feature"], hardness: Float[Array, ""]) -> Float[Array, ""]:
    """The p-norm of |cos| over pairs of vectors that are not padding, p = hardness: the coherence as p → ∞."""
    pairs = live[:, None] * live[None, :] * (1 - jnp.eye(v.shape[1]))
    unit = _normalised(v)
    return jnp.exp(logsumexp(hardness * jnp.log(jnp.abs(unit.T @ unit) + 1e-7), b=pairs) / hardness)


def optimise(
    key: Array, size: Int[Array, ""], dimension: Int[Array, ""], *, rows: int, columns: int, steps: int
) -> Float[Array, "{rows} {columns}"]:
    """`size` unit vectors in R^`dimension` of low coherence, in the first columns and rows of an array that is 0 elsewhere.

    Adam on a p-norm of |cos| over pairs, whose p rises geometrically, finds a local minimum: use several keys and keep the best.
    """
    first, last = _HARDNESS
    inside = (jnp.arange(rows) < dimension).astype(jnp.float32)[:, None]
    live = (jnp.arange(columns) < size).astype(jnp.float32)

    def hardness(step: ArrayLike) -> Array:
        return first * (last / first) ** (jnp.asarray(step) / steps)

    optimizer = optax.adam(lambda step: _RATE / jnp.sqrt(dimension) * first / hardness(step))

    def descend(state: tuple, step: Array) -> tuple[tuple, None]:
        v, opt_state = state
        updates, opt_state = optimizer.update(jax.grad(_soft_coherence)(v, live, hardness(step)), opt_state)
        return (_normalised(v + jnp.asarray(updates)), opt_state), None

    v = _normalised(jax.random.normal(key, (rows, columns)) * inside)
    (v, _), _ = jax.lax.scan(descend, (v, optimizer.init(v)), jnp.arange(steps))
    return v * live[None, :]


def spread(w: Weights) -> tuple[Int[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Number of represented features, their coherence, and the root mean square of Ŵ_i·Ŵ_j over pairs i ≠ j of them."""
    norm = feature_norm(w)
    is_represented = norm > REPRESENTED
    unit = jnp.where(is_represented[None, :], w / jnp.where(is_represented, norm, 1.0)[None, :], 0.0)
    count = is_represented.sum()
    return count, coherence(unit), jnp.sqrt(superposition(unit).sum() / jnp.maximum(count * (count - 1), 1))
