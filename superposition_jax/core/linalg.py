"""Small linear algebra in XLA's own operations. On a CPU, JAX's would call LAPACK, and no compiled program may.

Batched LAPACK calls of one program on several CPU devices can wait for each other for ever, and loading LAPACK takes longer than
starting a sweep.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float


def eigenvalues(matrix: Float[Array, "size size"]) -> Float[Array, " size"]:
    """Eigenvalues of a symmetric matrix, ascending, to single precision of the largest.

    Jacobi's method: rotations of all pairs of rows, in the rounds of a tournament in which half as many pairs as there are rows
    are rotated at once. A few tournaments are enough, since convergence is quadratic. Brent & Luk 1985, SIAM J. Sci. Stat.
    Comput. 6(1).

    >>> eigenvalues(jnp.array([[2.0, 1.0], [1.0, 2.0]])).round(4).tolist()
    [1.0, 3.0]
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


def orthogonal(key: Array, rows: int, columns: int) -> Float[Array, "{rows} {columns}"]:
    """A random matrix with orthonormal rows, or columns if there are fewer, uniform over all such matrices.

    Normal numbers, orthonormalised by Gram & Schmidt.
    """

    def add(basis: Array, number: Array) -> tuple[Array, None]:
        row = basis[number]
        for _ in range(2):  # twice, because once leaves errors of single precision
            row = row - jnp.where(jnp.arange(len(basis)) < number, basis @ row, 0.0) @ basis
        return basis.at[number].set(row / jnp.sqrt(row @ row)), None

    start = jax.random.normal(key, (min(rows, columns), max(rows, columns)))
    basis, _ = jax.lax.scan(add, start, jnp.arange(len(start)))
    return basis if rows <= columns else basis.T


def solve(matrix: Float[Array, "set size size"], right: Float[Array, "set size input"]) -> Float[Array, "set size input"]:
    """Solutions of many small positive definite systems, by Gauss and Jordan's elimination."""
    augmented = jnp.concatenate([matrix, right], axis=2)
    for k in range(matrix.shape[1]):
        row = augmented[:, k] / augmented[:, k, k, None]
        augmented = (augmented - augmented[:, :, k, None] * row[:, None]).at[:, k].set(row)
    return augmented[:, :, matrix.shape[1] :]


def greatest_eigenvalue(a: Float[Array, "hidden hidden"]) -> Float[Array, ""]:
    """‖A^64‖_F^(1/64) of a symmetric A ≥ 0, which is between its greatest eigenvalue and m^(1/128) times that."""
    bound = jnp.ones(())
    for k in range(7):
        size = jnp.maximum(jnp.sqrt(jnp.sum(a * a)), 1e-30)
        bound, a = bound * size ** (2.0**-k), (a / size) @ (a / size)
    return bound
