"""Laws: distributions of an active feature's value."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from superposition_jax.types import Registry

Tail = Callable[[Array, Array], tuple[Array, Array, Array]]


class Law(NamedTuple):
    """The distribution of an active feature's value, described by its quantile function."""

    quantile: Callable[[Array, Array], Array]
    """The value, given a uniform variable on (0, 1] and the exponent."""
    moments: Callable[[Any], tuple[Any, Any]]
    """E v and E v², given the exponent."""
    support: tuple[float, float]
    """Least and greatest value."""
    rule: Callable[[int, Array], tuple[Array, Array]] | None = None
    """Nodes and weights of a quadrature rule, given its order; by default the quantiles of Gauss–Legendre nodes."""
    meaning: str = ""
    tail: Tail | None = None
    """P(v > r), E[v; v > r] and E[v²; v > r], given r and the exponent; with it, errors of ReLU outputs have a closed form."""


_LEAST = 2.0**-32
"""The least value of a uniform variable whose logarithm or power is taken."""


def _laguerre(order: int, exponent: Array) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.laguerre.laggauss(order)
    return jnp.asarray(nodes, jnp.float32), jnp.asarray(weights, jnp.float32)


def _uniform_tail(low: float) -> Tail:
    """The tail of U[low, 1]."""

    def tail(r: Array, a: Array) -> tuple[Array, Array, Array]:
        r, height = jnp.clip(r, low, 1.0), 1 / (1 - low)
        square = r * r
        return height * (1 - r), height / 2 * (1 - square), height / 3 * (1 - r * square)

    return tail


def _power_tail(r: Array, a: Array) -> tuple[Array, Array, Array]:
    r = jnp.clip(r, 0.0, 1.0)
    below = r**a
    return 1 - below, a / (a + 1) * (1 - below * r), a / (a + 2) * (1 - below * r * r)


def _exponential_tail(r: Array, a: Array) -> tuple[Array, Array, Array]:
    r = jnp.maximum(r, 0.0)
    above = jnp.exp(-r)
    return above, (1 + r) * above, (2 + r * (2 + r)) * above


def _binary_tail(r: Array, a: Array) -> tuple[Array, Array, Array]:
    above = jnp.where(r < 1, 1.0, 0.0)
    return above, above, above


LAWS = Registry(
    uniform=Law(lambda v, a: v, lambda a: (1 / 2, 1 / 3), (0, 1), None, "U[0, 1]", _uniform_tail(0.0)),
    signed=Law(lambda v, a: 2 * v - 1, lambda a: (0.0, 1 / 3), (-1, 1), None, "U[−1, 1]", _uniform_tail(-1.0)),
    upper=Law(lambda v, a: (1 + v) / 2, lambda a: (3 / 4, 7 / 12), (0.5, 1), None, "U[½, 1]", _uniform_tail(0.5)),
    exponential=Law(
        lambda v, a: -jnp.log(jnp.maximum(v, _LEAST)),
        lambda a: (1.0, 2.0),
        (0, np.inf),
        _laguerre,
        "exponential of mean 1",
        _exponential_tail,
    ),
    power=Law(
        lambda v, a: jnp.maximum(v, _LEAST) ** (1 / a),
        lambda a: (a / (a + 1), a / (a + 2)),
        (0, 1),
        None,
        "P(v ≤ t) = t^a on [0, 1], a = data.values.exponent",
        _power_tail,
    ),
    binary=Law(lambda v, a: jnp.ones_like(v), lambda a: (1.0, 1.0), (1, 1), None, "always 1", _binary_tail),
)
"""Distributions of an active feature's value by name."""


def nodes(law: Law, order: int, exponent: Array) -> tuple[Float[Array, " node"], Float[Array, " node"]]:
    """Nodes and weights of a law's rule, for expectations over the value of an active feature."""
    if law.rule:
        return law.rule(order, exponent)
    places, weights = np.polynomial.legendre.leggauss(order)
    return law.quantile(jnp.asarray((places + 1) / 2, jnp.float32), exponent), jnp.asarray(weights / 2, jnp.float32)
