"""Perturbations of inputs, no longer than a radius in L2, that raise the error of a tied model with a linear hidden layer.

Elhage et al. 2022, "Relationship to Adversarial Robustness", take the optimal attack on every output, along a row of WᵀW, and of
these the one "which most harms model performance": a gradient is 0 where ReLUs are off. An ascent from there leads higher.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import model
from superposition_jax.types import Batch, Hparams, Params, Spec

_FAR, _NEAR = 3.0, 0.5
"""First steps of an ascent, in radii: along a row to the far side of the ball, from a random start to what is near."""


def attack_radius(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """The greatest length of an attack, `attack_size` times the mean input norm E‖x‖."""
    return hparams.attack_size * jnp.sum(batch.weight * jnp.sqrt(jnp.sum(batch.x**2, axis=0)))


def errors(
    hparams: Hparams, params: Params, x: Float[Array, "feature batch"], y: Float[Array, "feature batch"], *, spec: Spec
) -> Float[Array, " batch"]:
    """Σ_i I_i (y_i − x'_i)² of every input."""
    difference = y - model.forward(params, x, spec=spec)[1]
    return hparams.importance @ (difference * difference)


def rows(params: Params) -> Float[Array, "feature row"]:
    """Unit vectors G_i/‖G_i‖ with G = WᵀW, along which output i's pre-activation changes most; 0 where G_i is."""
    return _scaled(params["W"].T @ params["W"], 1.0)


def along_row(
    hparams: Hparams,
    params: Params,
    x: Float[Array, "feature batch"],
    y: Float[Array, "feature batch"],
    radius: float | Float[Array, ""],
    *,
    spec: Spec,
) -> Float[Array, "feature batch"]:
    """For every input, that of the 2n attacks ± radius · `rows` which makes the whole error largest."""
    attacks, f = radius * rows(params), model.ACTIVATIONS[spec.activation]
    _, z = model.preactivation(params, x, spec=spec)

    def larger(most: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        number, change = row
        for sign in (1, -1):
            difference = y - f(z + sign * change[:, None])
            error = hparams.importance @ (difference * difference)
            most = jnp.maximum(most[0], error), jnp.where(error > most[0], sign * number, most[1])
        return most, None

    numbers = jnp.arange(1, spec.n_features + 1)
    start = jnp.full(x.shape[1], -1.0), jnp.ones(x.shape[1], numbers.dtype)
    (_, signed), _ = jax.lax.scan(larger, start, (numbers, (params["W"].T @ (params["W"] @ attacks)).T))
    return jnp.sign(signed)[None, :] * attacks[:, jnp.abs(signed) - 1]


def ascend(
    hparams: Hparams,
    params: Params,
    x: Float[Array, "feature batch"],
    y: Float[Array, "feature batch"],
    radius: float | Float[Array, ""],
    start: Float[Array, "feature batch"],
    steps: int,
    first: float | Float[Array, ""] = _FAR,
    *,
    spec: Spec,
) -> Float[Array, "feature batch"]:
    """For every input, the attack of largest error on a path of projected gradient ascent from `start`, itself included.

    Steps have a length of their own, because the error is flat in some directions and steep in others: from `first` radii
    it falls geometrically to a `steps`-th of the radius. Madry et al. 2018, "Towards deep learning models resistant to
    adversarial attacks".
    """

    def total(attack: Array) -> tuple[Array, Array]:
        error = errors(hparams, params, x + attack, y, spec=spec)
        return error.sum(), error

    def step(path: tuple[Array, Array, Array], length: Array) -> tuple[tuple[Array, Array, Array], None]:
        attack, best, most = path
        slope, error = jax.grad(total, has_aux=True)(attack)
        best, most = jnp.where((error > most)[None, :], attack, best), jnp.maximum(error, most)
        return (_within(attack + _scaled(slope, length), radius), best, most), None

    lengths = jnp.append(radius * jnp.geomspace(first, 1 / steps, steps), 0.0)
    (_, best, _), _ = jax.lax.scan(step, (start, start, jnp.full(x.shape[1], -1.0)), lengths)
    return best


def search(
    key: Array,
    hparams: Hparams,
    params: Params,
    x: Float[Array, "feature batch"],
    y: Float[Array, "feature batch"],
    radius: float | Float[Array, ""],
    *,
    starts: int,
    steps: int,
    spec: Spec,
) -> tuple[Float[Array, " batch"], Float[Array, " batch"]]:
    """The largest error of every input `along_row`, and the largest that ascents from there and from random `starts` reach.

    Random ones lie in the space that W's rows span, since the model ignores all others.
    """
    row, (place, size) = along_row(hparams, params, x, y, radius, spec=spec), jax.random.split(key)
    random = _scaled(params["W"].T @ jax.random.normal(place, (starts, spec.n_hidden, x.shape[1])), radius)
    random = random * jax.random.uniform(size, (starts, 1, x.shape[1])) ** (1 / spec.n_hidden)

    def reached(given: tuple[Array, Array]) -> Array:
        start, first = given
        best = ascend(hparams, params, x, y, radius, start, steps, first, spec=spec)
        return errors(hparams, params, x + best, y, spec=spec)

    first = jnp.append(_FAR, jnp.full(starts, _NEAR))
    best = jax.lax.map(reached, (jnp.concatenate([row[None], random]), first)).max(axis=0)
    least = errors(hparams, params, x + row, y, spec=spec)
    return least, jnp.maximum(best, least)


def _scaled(v: Float[Array, "*start feature batch"], length: float | Array) -> Float[Array, "*start feature batch"]:
    """Vectors with a length; 0 where they are 0."""
    norm = jnp.sqrt(jnp.sum(v * v, axis=-2, keepdims=True))
    return v * (length / jnp.where(norm > 0, norm, 1.0))


def _within(v: Float[Array, "feature batch"], radius: float | Array) -> Float[Array, "feature batch"]:
    """Vectors, made shorter where they are longer than the radius."""
    norm = jnp.sqrt(jnp.sum(v * v, axis=0, keepdims=True))
    return v * jnp.minimum(1.0, radius / jnp.where(norm > 0, norm, 1.0))
