"""Inputs by which features are active: all patterns by quadrature (n ≤ 5), or those with at most one, and draws of the rest."""

import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from superposition_jax.core import data, laws, sets
from superposition_jax.types import Batch, Hparams, Spec


class Others(NamedTuple):
    """For every output the values of all other features, and the weights of points with the output's own feature off and on."""

    x: Float[Array, "output feature point"]
    """0 for the output's own feature."""
    off: Float[Array, "output point"]
    on: Float[Array, "output point"]


def others(hparams: Hparams, *, spec: Spec) -> Others:
    """All patterns of active features, each by the product of rules whose order falls with their number (`Spec.order_of`)."""
    n, (orders, place) = spec.n_features, _places(spec.n_features, spec.order)
    rules = [laws.nodes(laws.LAWS[spec.law], order, hparams.value_exponent) for order in orders]
    value, weight = (
        jnp.append(off, jnp.concatenate([jnp.zeros(0), *(rule[k] for rule in rules)])) for k, off in enumerate((0.0, 1.0))
    )
    value, weight = jax.lax.optimization_barrier((value, weight))  # else XLA makes all points while it compiles, slowly
    codes = np.arange(2**n)
    chance = sets.mask_chance(hparams.density, (codes[None, :] >> np.arange(n)[:, None]) % 2 == 1, spec)
    others = ((place > 0) << np.arange(n)[None, :, None]).sum(axis=1)
    factor = jnp.where((place >= 0).all(axis=1), weight[place].prod(axis=1), 0.0)
    return Others(value[place], factor * chance[others], factor * chance[others | (1 << np.arange(n))[:, None]])


@functools.cache
def _places(n: int, order: int) -> tuple[list[int], np.ndarray]:
    """The orders of all rules, and which of 0 and their nodes every feature has: (output, feature, point); −1 is padding."""
    spec = Spec(n, 1, order=order)
    orders = sorted({spec.order_of(active, i) for active in range(1, n) for i in range(n)})
    start = dict(zip(orders, 1 + np.cumsum([0, *orders]), strict=False))
    by_output = []
    for output in range(n):
        points = [np.zeros((n, 0), int)]
        for active in itertools.product(*([False] if i == output else [False, True] for i in range(n))):
            rules = [spec.order_of(sum(active), i) for i in range(n)]
            choices = [start[rule] + np.arange(rule) if on else [0] for on, rule in zip(active, rules, strict=True)]
            points.append(np.stack([place.ravel() for place in np.meshgrid(*choices, indexing="ij")]))
        by_output.append(np.concatenate(points, axis=1))
    most = max(places.shape[1] for places in by_output)
    padded = [np.pad(places, ((0, 0), (0, most - places.shape[1])), constant_values=-1) for places in by_output]
    return orders, np.stack(padded)


def at_most_one(hparams: Hparams, order: int, *, spec: Spec) -> Batch:
    """The empty input, and those with one active feature by `order` nodes, by their probabilities; for independent features."""
    n, off = spec.n_features, 1 - hparams.density
    node, weight = laws.nodes(laws.LAWS[spec.law], order, hparams.value_exponent)
    x = (jnp.eye(n)[:, :, None] * node[None, None, :]).reshape(n, -1)
    alone = hparams.density * jnp.where(jnp.eye(n, dtype=bool), 1.0, off[None, :]).prod(axis=1)
    return Batch(jnp.pad(x, ((0, 0), (1, 0))), jnp.append(off.prod(), (alone[:, None] * weight[None, :]).ravel()))


def _draw(key: Array, spec: Spec) -> tuple[Array, Array]:
    return data.draw_active(key, sets.uniforms(spec) + 1, spec.batch_size)


def _realise(hparams: Hparams, spec: Spec) -> Callable[[tuple[Array, Array]], Batch]:
    density, most = hparams.density, 1 - 2.0**-24
    p, stretch = density[:, None], 1 / density[:, None]
    hazard = -jnp.log1p(-jnp.minimum(density, most))  # a sum of hazards over features is −log P(none of them is active)
    until = jnp.cumsum(hazard)
    later = -jnp.expm1(hazard - jnp.cumsum(hazard[::-1])[::-1])
    pair = data.first_active(density)[0] * later  # the first active feature, and any later one
    end = jnp.cumsum(pair) / pair.sum()
    start, end = jnp.append(0.0, end[:-1])[:, None], jnp.append(end[:-1], 2.0)[:, None]
    weight = pair.sum() / (spec.batch_size - 1)

    def realise(draws: tuple[Array, Array]) -> Batch:
        v, u, second = draws[0][None, :], draws[1][:-1], jnp.minimum(draws[1][-1:], most)
        is_first = (start <= v) & (v < end)
        passed, chance = (jnp.where(is_first, values[:, None], 0.0).sum(axis=0, keepdims=True) for values in (until, later))
        goal = passed - jnp.log1p(-second * chance)  # the second active feature is that in which the sum of hazards gets there
        after, on = (until - hazard)[:, None] >= goal, until[:, None] >= goal
        active = is_first | jnp.where(after, u <= p, on)
        value = laws.LAWS[spec.law].quantile(jnp.where(after, jnp.minimum(u * stretch, 1.0), u), hparams.value_exponent)
        return Batch(jnp.where(active, value, 0.0), jnp.where(draws[0] == jnp.inf, 0.0, weight))

    return realise


TWO_ACTIVE = data.Estimator(_draw, _realise, "inputs with at least two active features, by their probability")
"""Draws of inputs that `at_most_one` leaves out: the first active feature by stratified uniforms, all else by a lattice."""
