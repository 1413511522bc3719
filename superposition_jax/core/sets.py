"""Sets of features that are active together (correlated) or one at a time (anticorrelated); independent features are sets of one.

Sets are independent of one another. A set is on with a probability q such that its features have their densities
p_i = P(x_i ≠ 0). If it is on, a uniform t on (0, 1] decides which of its features are active:

- `correlated`: q = max p_i, and feature i is active if t·q ≤ p_i; with equal densities all are active together;
- `anticorrelated`: q = Σ p_i ≤ 1, and exactly one feature is active, i with probability p_i/q.

Values are always independent. Elhage et al. 2022, "Correlated and anticorrelated features".
"""

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

from superposition_jax.types import Spec

KINDS = {
    "independent": "each feature by itself",
    "correlated": "the features of a set are on together",
    "anticorrelated": "the features of a set are on one at a time",
}


def sizes(kind: str, given: int | list[int] | None, features: int) -> tuple[int, ...]:
    """Sizes of the sets, from a size for all or a list of sizes; independent features are sets of one.

    >>> sizes("correlated", 2, features=6), sizes("independent", None, features=3)
    ((2, 2, 2), (1, 1, 1))
    """
    if kind == "independent":
        return (1,) * features
    return (given,) * (features // given) if isinstance(given, int) else tuple(given or ())


def owner(sizes: tuple[int, ...]) -> np.ndarray:
    """The set that every feature is in, (feature,)."""
    return np.repeat(np.arange(len(sizes)), sizes)


def uniforms(spec: Spec) -> int:
    """Number of uniforms that an input needs: one per set, and if sets have several features one per feature for its value."""
    return len(spec.sets) + (spec.n_features if len(spec.sets) < spec.n_features else 0)


def chances(density: Float[Array, " feature"], spec: Spec) -> Float[Array, " set"]:
    """q, the probabilities that sets are on, (set,)."""
    if len(spec.sets) == spec.n_features:
        return density
    return jnp.stack([p.max() if spec.correlation == "correlated" else p.sum() for p in _by_set(density, spec)])


def _by_set(array: Any, spec: Spec) -> list[Any]:
    """Slices of an array (feature, …), one for each set."""
    return [array[end - size : end] for end, size in zip(np.cumsum(spec.sets), spec.sets, strict=True)]


def features(
    on: Bool[Array, "set batch"], t: Float[Array, "set batch"], of_values: Float[Array, "_ batch"], density: Array, spec: Spec
) -> tuple[Bool[Array, "feature batch"], Float[Array, "feature batch"]]:
    """Which features are active, and the uniforms of their values.

    `on` says which sets are on, t are the sets' uniforms, and `of_values` are those of the values if sets have several features.
    """
    if len(spec.sets) == spec.n_features:
        return on, t
    place = owner(spec.sets)
    p, q = density[:, None], chances(density, spec)[place][:, None]
    one_at_a_time = spec.correlation == "anticorrelated"
    # A feature is active where t·q lies in its interval; all intervals of a set begin at 0, or each where the one before it ends.
    starts = [jnp.cumsum(part) - part if one_at_a_time else 0 * part for part in _by_set(density, spec)]
    start = jnp.concatenate(starts)[:, None]
    position = t[place] * q
    # The last feature of an anticorrelated set is active also where rounding leaves a gap at the end.
    last = np.isin(np.arange(spec.n_features), np.cumsum(spec.sets) - 1)[:, None] & one_at_a_time
    return on[place] & (position > start) & ((position <= start + p) | last), of_values


def chance_given_others(
    active: Bool[Array, "feature batch"], density: Float[Array, " feature"], spec: Spec
) -> Float[Array, "feature _"]:
    """P(x_j ≠ 0 | which other features are active) for every feature j, (feature, batch); (feature, 1) if all are independent."""
    if len(spec.sets) == spec.n_features:
        return density[:, None]
    parts = zip(_by_set(active, spec), _by_set(density[:, None], spec), strict=True)
    return jnp.concatenate([_chance_in_set(on, p, spec) for on, p in parts])


def _chance_in_set(on: Bool[Array, "feature batch"], p: Float[Array, "feature 1"], spec: Spec) -> Float[Array, "feature batch"]:
    if spec.correlation == "anticorrelated":
        alone = p / jnp.maximum(p + 1 - p.sum(), p)
        return jnp.where(on.sum(axis=0, keepdims=True) - on == 0, alone, 0.0)
    # A uniform s on (0, 1] turns on the features with p_i ≥ s, so it lies above inactive features' p and below active ones'.
    low, high = _greatest_of_others(jnp.where(on, 0.0, p)), 1 - _greatest_of_others(jnp.where(on, 1 - p, 0.0))
    return jnp.clip((p - low) / jnp.maximum(high - low, 1e-12), 0.0, 1.0)


def _greatest_of_others(values: Float[Array, "feature batch"]) -> Float[Array, "feature batch"]:
    """For every feature the greatest value ≥ 0 of the others."""
    nothing = jnp.zeros_like(values[:1])
    before = jnp.concatenate([nothing, jax.lax.cummax(values, axis=0)[:-1]])
    after = jnp.concatenate([jax.lax.cummax(values, axis=0, reverse=True)[1:], nothing])
    return jnp.maximum(before, after)


def covariance(
    density: Float[Array, " feature"], first: ArrayLike, second: ArrayLike, spec: Spec
) -> Float[Array, "feature feature"]:
    """Cov(x_i, x_k), given E v and E v² of the law."""
    p, q, place = density[:, None], density[None, :], owner(spec.sets)
    in_one_set = jnp.minimum(p, q) if spec.correlation == "correlated" else jnp.zeros_like(p * q)
    both = jnp.where(place[:, None] == place[None, :], in_one_set, p * q)  # P(x_i ≠ 0 and x_k ≠ 0), i ≠ k
    return jnp.where(np.eye(spec.n_features, dtype=bool), p * second, both * first**2) - p * q * first**2


def mask_chance(density: Float[Array, " feature"], masks: np.ndarray, spec: Spec) -> Float[Array, " mask"]:
    """Probabilities that exactly the features of a mask are active, for masks (feature, mask)."""
    by_set = zip(_by_set(density, spec), _by_set(masks, spec), strict=True)
    return reduce(jnp.multiply, (_set_chance(p, mask, spec) for p, mask in by_set))


def _set_chance(density: Array, masks: np.ndarray, spec: Spec) -> Array:
    p = density[:, None]
    if density.shape[0] == 1:
        return jnp.where(masks, p, 1 - p)[0]
    if spec.correlation == "correlated":  # t·q is above the densities of inactive features and below those of active ones
        return jnp.maximum(jnp.where(masks, p, 1.0).min(axis=0) - jnp.where(masks, 0.0, p).max(axis=0), 0.0)
    one = jnp.where(masks.sum(axis=0) == 1, jnp.where(masks, p, 0.0).sum(axis=0), 0.0)
    return jnp.where(masks.any(axis=0), one, jnp.maximum(1 - density.sum(), 0.0))
