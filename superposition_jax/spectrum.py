"""Eigenvalues in XLA's own operations: on CPUs JAX's call LAPACK, which takes a process longer to load than a sweep to start."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float


def eigenvalues(matrix: Float[Array, "size size"]) -> Float[Array, " size"]:
    """Eigenvalues of a symmetric matrix, ascending, to single precision of the largest.

    Jacobi's method with half as many rotations at a time as there are rows, in the order of a tournament, until all have met all
    often enough (it converges quadratically). Brent & Luk 1985, SIAM J. Sci. Stat. Comput. 6(1).
    """
    size = matrix.shape[0]
    even = size + size % 2
    half = even // 2
    top, bottom = np.split(np.arange(even), 2)
    order = np.concatenate([top[:1], bottom[:1], top[1:-1], bottom[1:], top[1:][-1:]])

    def turn(_: Array, a: Float[Array, "even even"]) -> Float[Array, "even even"]:
        apart = jnp.diagonal(a)[half:] - jnp.diagonal(a)[:half]
        angle = jnp.arctan(2 * jnp.diagonal(a[:half, half:]) / jnp.where(apart == 0, 1e-30, apart))[:, None] / 2
        cos, sin = jnp.cos(angle), jnp.sin(angle)

        def of_rows(a: Array) -> Array:
            return jnp.concatenate([cos * a[:half] - sin * a[half:], sin * a[:half] + cos * a[half:]])[order]

        return of_rows(of_rows(a).T).T

    meetings = (4 + size.bit_length()) * (even - 1)
    turned = jax.lax.fori_loop(0, meetings, turn, jnp.pad(matrix, (0, even - size)))
    return jnp.sort(jnp.diagonal(turned)[:size])
