"""Targets: what a model is to compute, y_i = t(x_i, x_{i+1}, …) with cyclic features. I_i is the importance of output i."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import data
from superposition_jax.types import Hparams, Registry, Spec


class Target(NamedTuple):
    """An elementwise function t of a feature and the `arity` − 1 features that follow it."""

    function: Callable[..., Array]
    arity: int = 1
    meaning: str = ""


TARGETS = Registry(
    identity=Target(lambda x: x, meaning="y = x, reconstruction"),
    abs=Target(jnp.abs, meaning='y = |x|. Elhage et al. 2022, "Computation in Superposition"'),
    square=Target(jnp.square, meaning="y = x²"),
    max=Target(jnp.maximum, arity=2, meaning="y_i = max(x_i, x_{i+1})"),
)
"""Targets by name."""

_ORDER = 32
"""Quadrature nodes of a feature for the moments of a target."""


def target(x: Float[Array, "feature batch"], *, spec: Spec) -> Float[Array, "feature batch"]:
    """y_i for every output i and every input x.

    >>> target(jnp.array([[0.1], [0.5]]), spec=Spec(n_features=2, n_hidden=1, target="max")).tolist()
    [[0.5], [0.5]]
    """
    function, arity, _ = TARGETS[spec.target]
    return function(*(jnp.roll(x, -k, axis=0) for k in range(arity)))


def moments(hparams: Hparams, *, spec: Spec) -> tuple[Float[Array, " feature"], Float[Array, " feature"]]:
    """E y_i and E y_i² for independent features: in closed form for the identity, else by quadrature."""
    if spec.target == "identity":
        return data.moments(hparams, spec=spec)
    function, arity, _ = TARGETS[spec.target]
    node, weight = data.rule(hparams, _ORDER, spec=spec)
    joint = jnp.ones((spec.n_features, 1))
    for k in range(arity):
        joint = (joint[:, :, None] * jnp.roll(weight, -k, axis=0)[:, None, :]).reshape(spec.n_features, -1)
    y = function(*(nodes.ravel() for nodes in jnp.meshgrid(*[node] * arity, indexing="ij")))
    return joint @ y, joint @ (y * y)
