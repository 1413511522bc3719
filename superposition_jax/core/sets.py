"""Sets of features that are on together (correlated) or one at a time (anticorrelated), and independent features as sets of one.

Sets are independent of one another, and a set is on with a chance q that follows from its features' densities p_i, which stay
what they are, P(x_i ≠ 0). Given that it is on, a uniform t on (0, 1] says which of its features are:

- `correlated`: q = max p_i, and feature i is on where t·q ≤ p_i: with equal densities all together;
- `anticorrelated`: q = Σ p_i ≤ 1, and exactly one is on, with the chance p_i/q.

Values are independent always. Elhage et al. 2022, "Correlated and anticorrelated features".
"""

from functools import reduce

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from superposition_jax.types import Spec

KINDS = {
    "independent": "each feature by itself",
    "correlated": "the features of a set are on together",
    "anticorrelated": "the features of a set are on one at a time",
}


def sizes(kind: str, given: int | list[int] | None, features: int) -> tuple[int, ...]:
    """Sizes of sets as they are configured: one for all, or a list; each feature alone where they are independent."""
    if kind == "independent":
        return (1,) * features
    return (given,) * (features // given) if isinstance(given, int) else tuple(given or ())


def owner(sizes: tuple[int, ...]) -> np.ndarray:
    """Set of every feature (feature,)."""
    return np.repeat(np.arange(len(sizes)), sizes)


def uniforms(spec: Spec) -> int:
    """Uniforms that an input needs: one a set, and one a feature for its value where that is not the set's own."""
    return len(spec.sets) + (spec.n_features if _several(spec) else 0)


def _several(spec: Spec) -> bool:
    return len(spec.sets) < spec.n_features


def chances(density: Float[Array, " feature"], spec: Spec) -> Float[Array, " set"]:
    """q, the chance that a set is on."""
    if not _several(spec):
        return density
    parts = jnp.split(density, np.cumsum(spec.sets)[:-1])
    return jnp.stack([part.max() if spec.correlation == "correlated" else part.sum() for part in parts])


def features(
    on: Bool[Array, "set batch"], t: Float[Array, "set batch"], own: Float[Array, "own batch"], density: Array, spec: Spec
) -> tuple[Bool[Array, "feature batch"], Float[Array, "feature batch"]]:
    """Which features are on, and the uniforms of their values, from the sets that are on, their t, and the features' own."""
    if not _several(spec):
        return on, t
    place = owner(spec.sets)
    p, q = density[:, None], chances(density, spec)[place][:, None]
    start = _starts(density, spec)[:, None]
    here = t[place] * q
    # The last feature of an anticorrelated set takes what rounding leaves over.
    last = np.isin(np.arange(spec.n_features), np.cumsum(spec.sets) - 1)[:, None] & (spec.correlation == "anticorrelated")
    return on[place] & (here > start) & ((here <= start + p) | last), own


def _starts(density: Float[Array, " feature"], spec: Spec) -> Float[Array, " feature"]:
    """Where a feature's interval of t·q begins."""
    if spec.correlation == "correlated":
        return jnp.zeros(spec.n_features)
    parts = jnp.split(density, np.cumsum(spec.sets)[:-1])
    return jnp.concatenate([jnp.cumsum(part) - part for part in parts])


def mask_chance(density: Float[Array, " feature"], masks: np.ndarray, spec: Spec) -> Float[Array, " mask"]:
    """Chance that exactly the features of a mask are on, for masks (feature, mask)."""
    ends = np.cumsum(spec.sets)
    parts = [
        _set_chance(density[end - size : end], masks[end - size : end], spec) for end, size in zip(ends, spec.sets, strict=True)
    ]
    return reduce(jnp.multiply, parts)


def _set_chance(density: Array, masks: np.ndarray, spec: Spec) -> Array:
    p = density[:, None]
    if density.shape[0] == 1:
        return jnp.where(masks, p, 1 - p)[0]
    if spec.correlation == "correlated":  # the t with t·q up to the least density that is on, from the greatest that is off
        return jnp.maximum(jnp.where(masks, p, 1.0).min(axis=0) - jnp.where(masks, 0.0, p).max(axis=0), 0.0)
    one = jnp.where(masks.sum(axis=0) == 1, jnp.where(masks, p, 0.0).sum(axis=0), 0.0)
    return jnp.where(masks.any(axis=0), one, jnp.maximum(1 - density.sum(), 0.0))
