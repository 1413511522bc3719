"""The error of an output expected over its own feature x_j, given its interference t_j: E_{x_j} (y_j − f(g_j x_j + t_j))²."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from superposition_jax.core import laws, model, targets
from superposition_jax.types import Hparams, Spec

_NODES = 8
"""Nodes of a rule for the own feature, between two kinks."""
_LEAST_NORM = 1e-6
"""Least g by which is divided."""


class Conditioned(NamedTuple):
    """What is left of inputs when every output's own feature is integrated out."""

    t: Float[Array, "feature batch *model"]
    off: Float[Array, "feature batch *model"]
    """The weight of the input with x_j = 0; with `on` it sums to the weight of the other features' values."""
    on: Float[Array, "feature batch *model"]
    neighbours: tuple[Array, ...]
    """Features j + 1, j + 2, … that a target joins with feature j, (feature, batch) each."""


def has_closed_form(spec: Spec) -> bool:
    """Whether no rule is needed: y = x, ReLU or identity, and a law whose tail is known."""
    is_relu = spec.activation == "relu" and laws.LAWS[spec.law].tail is not None
    return spec.target == "identity" and (spec.activation == "identity" or is_relu)


def expected(
    hparams: Hparams, g: Float[Array, " feature"], conditioned: Conditioned, spec: Spec
) -> tuple[Float[Array, ""], Float[Array, "feature batch"]]:
    """The error, a sum over features and inputs with their importances and weights, and its derivative by t.

    It is a closed form (`has_closed_form`) or a rule over x_j. No gradient flows through the derivative.
    """
    t, *rest = conditioned
    error, slope = _expected(g, t, tuple(rest), hparams.importance, hparams.value_exponent, spec)
    return error, stop_gradient(slope)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def _expected(g, t, rest, importance, exponent, spec):
    return _forward(g, t, rest, importance, exponent, spec)[0]


def _forward(g, t, rest, importance, exponent, spec):
    way = closed_form if has_closed_form(spec) else _by_rule
    error, by_g, by_t = way(g, Conditioned(t, *rest), importance, exponent, spec)
    return (error, by_t), (by_g, by_t)


_expected.defvjp(_forward, lambda spec, by, ct: (ct[0] * by[0], ct[0] * by[1], None, None, None))


def closed_form(g, conditioned, importance, exponent, spec) -> tuple[Array, Array, Array]:
    """Error and derivatives by g and t: (1 − p) f(t)² + p E (v − g v − t)² where the output is on, v² where it is off.

    Arrays of many models have them along a last axis.

    Where it is on depends on g and t, but contributes nothing to derivatives, since the error is continuous there.
    """
    t, off, on, _ = conditioned
    law = laws.LAWS[spec.law]
    first, second = law.moments(exponent)
    chance, mean, square = 1.0, first, second
    if spec.activation == "relu" and law.tail:
        chance, mean, square = law.tail(t * (-1 / jnp.maximum(g, _LEAST_NORM))[:, None], exponent)
    less, output = (g - 1)[:, None], model.ACTIVATIONS[spec.activation](t)
    off, on = importance[:, None] * off, importance[:, None] * on
    by_t, by_g = less * mean + t * chance, less * square + t * mean  # halves of the derivatives where the feature is on
    error = off * output * output + on * ((second - square) + less * by_g + t * by_t)
    return error.sum(axis=(0, 1)), 2 * jnp.sum(on * by_g, axis=1), 2 * (off * output + on * by_t)


def _by_rule(g, conditioned, importance, exponent, spec) -> tuple[Array, Array, Array]:
    """The same by nodes of the law."""
    target, f = targets.TARGETS[spec.target].function, model.ACTIVATIONS[spec.activation]
    t, off, on, neighbours = conditioned

    def error(g: Array, t: Array) -> Array:
        total = off * (target(jnp.zeros_like(t), *neighbours) - f(t)) ** 2
        for value, weight in _nodes(g, t, exponent, spec):
            total = total + on * weight * (target(value, *neighbours) - f(g[:, None] * value + t)) ** 2
        return importance @ total.sum(axis=1)

    total, (by_g, by_t) = jax.value_and_grad(error, argnums=(0, 1))(g, t)
    return total, by_g, by_t


def _nodes(g: Array, t: Array, exponent: Array, spec: Spec) -> Iterator[tuple[Array, Array]]:
    """Values and weights: quantiles of Gauss–Legendre nodes between the ends, 0, and the value at which a ReLU turns on."""
    law = laws.LAWS[spec.law]
    if law.tail is None or law.rule is not None:
        yield from zip(*laws.nodes(law, _NODES, exponent), strict=True)
        return
    kinks = [-t / jnp.maximum(g, _LEAST_NORM)[:, None]] if spec.activation == "relu" else []
    kinks += [jnp.zeros_like(t)] if law.support[0] < 0 < law.support[1] else []
    cuts = [1 - stop_gradient(law.tail(kink, exponent)[0]) for kink in kinks]
    ends = jnp.sort(jnp.stack([jnp.zeros_like(t), *cuts, jnp.ones_like(t)]), axis=0)
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    for start, end in itertools.pairwise(ends):
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            yield law.quantile(start + jnp.float32(place) * (end - start), exponent), weight * (end - start)
