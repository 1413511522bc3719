"""What is measured on one weight matrix W (hidden, feature), whose column W_i is feature i's direction.

Ŵ_i = W_i/‖W_i‖. A measure of a feature with W_i = 0 is 0. Formulas are those of Elhage et al. 2022; where peers differ, the
docstring says which is meant.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from superposition_jax.core.linalg import eigenvalues
from superposition_jax.types import Measure, Registry

REPRESENTED = 0.5
"""A feature counts as represented when ‖W_i‖ is above this: trained norms lie near 0 or near 1."""

RANK_TOLERANCE = 0.01
"""Singular values of W count when above this share of the largest: training leaves what it does not use near 0, not at it."""

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
    """Σ_{j≠i} (Ŵ_i·W_j)², one side of unit length, as in the paper: 0 for a direction of its own, 1 or more when swamped.

    Elhage et al. 2022, "Demonstrating Superposition".
    """
    return _off_diagonal(_projections(w)).sum(axis=1)


def dimensionality(w: Weights) -> Float[Array, " feature"]:
    """D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)², j including i: the share of a dimension that feature i has.

    A regular k-gon in the plane has D = 2/k. The same number is called capacity by Scherlis et al. 2022. Elhage et al. 2022,
    "The Geometry of Superposition".
    """
    square = jnp.sum(w * w, axis=0)
    total = _projections(w).sum(axis=1)
    return jnp.where(total > 0, square / jnp.where(total > 0, total, 1.0), 0.0)


def coherence(w: Weights) -> Float[Array, ""]:
    """Largest |Ŵ_i·Ŵ_j| over i ≠ j; 0 for orthogonal features."""
    unit = normalised(w)
    return jnp.abs(_off_diagonal(unit.T @ unit)).max()


def represented(w: Weights) -> Int[Array, ""]:
    """Number of features with ‖W_i‖ > ½."""
    return jnp.sum(feature_norm(w) > REPRESENTED)


def dims_per_feature(w: Weights) -> Float[Array, ""]:
    """D* = m/‖W‖²_F, hidden dimensions per represented feature; infinite for W = 0.

    Elhage et al. 2022, "Uniform Superposition".
    """
    return w.shape[0] / jnp.sum(w * w)


def alignment(w: Weights) -> Float[Array, " feature"]:
    """Σ_k W_ki⁴ / ‖W_i‖⁴, the inverse participation ratio: 1 for a feature in one neuron, 1/m for one that all share alike.

    Random directions have 3/(m + 2) on average. It alone of the measures here sees a rotation of the hidden layer.
    """
    return jnp.sum(normalised(w) ** 4, axis=0)


def _singular_values(w: Weights) -> Float[Array, " rank"]:
    """Ascending, from W's smaller Gram matrix, which leaves an error of about 10⁻³ of the largest in those near 0."""
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    return jnp.sqrt(jnp.maximum(eigenvalues(gram), 0.0))


def rank(w: Weights) -> Int[Array, ""]:
    """Numerical rank of W, its singular values above `RANK_TOLERANCE` of the largest; WᵀW is invertible where it is n.

    More represented features than this are a superposition.
    """
    values = _singular_values(w)
    return jnp.sum(values > RANK_TOLERANCE * values[-1])


def condition(w: Weights) -> Float[Array, ""]:
    """‖W‖₂‖W⁺‖₂, the largest singular value over the least that counts in `rank`; infinite for W = 0."""
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
"""Measures that every run saves, under their function's name."""


def measure(w: Weights) -> dict[str, Array]:
    """All of `MEASURES` on one W, each with the dimensions that stand there."""
    return {function.__name__: function(w) for function in MEASURES}
