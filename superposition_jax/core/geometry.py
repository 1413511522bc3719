"""Measures of one weight matrix W (hidden, feature), whose column W_i is feature i's direction; Ŵ_i = W_i/‖W_i‖.

Measures of a feature with W_i = 0 are 0. Formulas are those of Elhage et al. 2022; where the literature has several, the
docstring says which one is meant.

>>> w = jnp.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]])  # an antipodal pair, and a feature with a dimension of its own
>>> superposition(w).tolist(), dimensionality(w).tolist()
([1.0, 1.0, 0.0], [0.5, 0.5, 1.0])
>>> int(represented(w)), int(rank(w)), float(coherence(w))
(3, 2, 1.0)
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from superposition_jax.core.linalg import eigenvalues
from superposition_jax.types import Measure, Registry

REPRESENTED = 0.5
"""A feature counts as represented when ‖W_i‖ is above this: trained norms lie near 0 or near 1."""
SUPERPOSED = 0.5
"""A represented feature is in superposition when Σ_{j≠i} (Ŵ_i·W_j)² is above this: 0 alone, 1 beside an antipode."""
RANK_TOLERANCE = 0.01
"""Singular values of W count if they are above this share of the largest; unused ones end near 0, but not at 0."""

Weights = Float[Array, "hidden feature"]


def feature_norm(w: Weights) -> Float[Array, " feature"]:
    """‖W_i‖: near 1 for a represented feature."""
    return jnp.sqrt(jnp.sum(w * w, axis=0))


def normalised(w: Weights) -> Weights:
    """Ŵ: columns of length 1, or 0 where W_i = 0."""
    norm = feature_norm(w)[None, :]
    return jnp.where(norm > 0, w / jnp.where(norm > 0, norm, 1.0), 0.0)


def _projections(w: Weights) -> Float[Array, "feature feature"]:
    """(Ŵ_i·W_j)²: how much of feature j falls on the direction of feature i."""
    return (normalised(w).T @ w) ** 2


def _off_diagonal(matrix: Float[Array, "feature feature"]) -> Float[Array, "feature feature"]:
    return matrix * (1 - jnp.eye(matrix.shape[0], dtype=matrix.dtype))


def superposition(w: Weights) -> Float[Array, " feature"]:
    """Σ_{j≠i} (Ŵ_i·W_j)²: 0 if no other feature shares the direction, 1 or more if others drown it; only Ŵ_i has unit length.

    Elhage et al. 2022, "Demonstrating Superposition".
    """
    return _off_diagonal(_projections(w)).sum(axis=1)


def dimensionality(w: Weights) -> Float[Array, " feature"]:
    """D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)², with j = i in the sum: the fraction of a dimension that feature i has.

    The features of a regular k-gon in the plane have D = 2/k. Scherlis et al. 2022 call the same number capacity. Elhage et al.
    2022, "The Geometry of Superposition".
    """
    square = jnp.sum(w * w, axis=0)
    total = _projections(w).sum(axis=1)
    return jnp.where(total > 0, square / jnp.where(total > 0, total, 1.0), 0.0)


def coherence(w: Weights) -> Float[Array, ""]:
    """The largest |Ŵ_i·Ŵ_j| with i ≠ j; 0 for orthogonal features."""
    unit = normalised(w)
    return jnp.abs(_off_diagonal(unit.T @ unit)).max()


def represented(w: Weights) -> Int[Array, ""]:
    """Number of features with ‖W_i‖ > ½."""
    return jnp.sum(feature_norm(w) > REPRESENTED)


def dims_per_feature(w: Weights) -> Float[Array, ""]:
    """D* = m/‖W‖²_F, hidden dimensions per represented feature; ∞ for W = 0. Elhage et al. 2022, "Uniform Superposition"."""
    return w.shape[0] / jnp.sum(w * w)


def alignment(w: Weights) -> Float[Array, " feature"]:
    """Σ_k W_ki⁴ / ‖W_i‖⁴, the inverse participation ratio: 1 for a feature in one neuron, 1/m for one equally in all.

    Random directions have 3/(m + 2) on average. Of the measures here, only this one changes if the hidden layer is rotated.
    """
    return jnp.sum(normalised(w) ** 4, axis=0)


def _singular_values(w: Weights) -> Float[Array, " rank"]:
    """Singular values of W, ascending, from its smaller Gram matrix; those near 0 are off by about 10⁻³ of the largest."""
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    return jnp.sqrt(jnp.maximum(eigenvalues(gram), 0.0))


def rank(w: Weights) -> Int[Array, ""]:
    """Numerical rank of W: the number of singular values above `RANK_TOLERANCE` of the largest.

    If more features than this are represented, they are in superposition. If it is n, WᵀW is invertible.
    """
    values = _singular_values(w)
    return jnp.sum(values > RANK_TOLERANCE * values[-1])


def condition(w: Weights) -> Float[Array, ""]:
    """‖W‖₂‖W⁺‖₂: the largest singular value over the least one that counts in `rank`; infinite for W = 0."""
    values = _singular_values(w)
    least = jnp.min(values, initial=jnp.inf, where=values > RANK_TOLERANCE * values[-1])
    return jnp.where(values[-1] > 0, values[-1] / least, jnp.inf)


MEASURES = Registry(
    {
        feature_norm: Measure(("feature",), "‖W_i‖"),
        superposition: Measure(("feature",), "Σ_{j≠i} (Ŵ_i·W_j)²"),
        dimensionality: Measure(("feature",), "D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)²"),
        coherence: Measure((), "max_{i≠j} |Ŵ_i·Ŵ_j|"),
        represented: Measure((), "number of features with ‖W_i‖ > ½"),
        dims_per_feature: Measure((), "D* = m/‖W‖²_F"),
        alignment: Measure(
            ("feature",), "Σ_k W_ki⁴ / ‖W_i‖⁴: 1 for one neuron, 1/m for all alike, 3/(m + 2) for random directions"
        ),
        rank: Measure((), f"singular values of W above {RANK_TOLERANCE} of the largest"),
        condition: Measure((), f"largest singular value of W over the least above {RANK_TOLERANCE} of it"),
    }
)
"""Measures that every run saves under the name of their function."""


def measure(w: Weights) -> dict[str, Array]:
    """All `MEASURES` of one W by name."""
    return {function.__name__: function(w) for function in MEASURES}
