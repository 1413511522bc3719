"""Bounds on almost orthogonal vectors and on compressed sensing, which trained models are compared with.

N is the number of unit vectors (or lines) in R^m; their coherence is the greatest |cos| of any two. Arguments broadcast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv, lambertw
from scipy.stats import norm

from superposition_jax.theory.losses import Real

EQUIANGULAR = {2: (3, 1 / 2), 3: (6, 5**-0.5), 4: (6, 1 / 3), 5: (10, 1 / 3), 6: (16, 1 / 3), 7: (28, 1 / 3)}
"""The greatest number of lines at equal angles in R^m, and their |cos|, by m (Lemmens & Seidel 1973)."""


def welch(size: ArrayLike, m: ArrayLike) -> Real:
    """√((N − m)/(m (N − 1))), a lower bound of the root mean square of cos over pairs, and so of the coherence (Welch 1974).

    >>> float(welch(3, 2))  # three lines at 60°
    0.5
    """
    size, m = np.asarray(size, float), np.asarray(m, float)
    return np.sqrt(np.maximum(size - m, 0) / (m * np.maximum(size - 1, 1)))


def levenshtein(size: ArrayLike, m: ArrayLike) -> Real:
    """√((3N − m² − 2m)/((m + 2)(N − m))), a lower bound of the coherence for N > m (m + 1)/2; else 0 (Levenshtein 1982)."""
    size, m = np.asarray(size, float), np.asarray(m, float)
    holds = size > m * (m + 1) / 2
    return np.sqrt(np.where(holds, (3 * size - m * m - 2 * m) / np.where(holds, (m + 2) * (size - m), 1.0), 0.0).clip(0, 1))


def least_coherence(size: ArrayLike, m: ArrayLike) -> Real:
    """The greater of the bounds of Welch and Levenshtein."""
    return np.maximum(welch(size, m), levenshtein(size, m))


def most_vectors(m: int, epsilon: float, cap: int) -> int:
    """The greatest N ≤ cap for which the bounds allow a coherence ≤ ε.

    >>> most_vectors(3, 5**-0.5, cap=100)  # the diagonals of an icosahedron
    6
    """
    size = np.arange(1, cap + 1)
    return int(size[least_coherence(size, m) <= epsilon + 1e-9].max())


def johnson_lindenstrauss(m: ArrayLike, epsilon: ArrayLike) -> Real:
    """exp(m ε²/4), a number of vectors with |cos| ≤ ε that certainly exist.

    The argument of Johnson & Lindenstrauss 1984 for directions: a random pair has |cos| > ε with probability at most
    2 exp(−m ε²/2) (Ball 1997, "An elementary introduction to modern convex geometry", lemma 2.2), and N vectors have fewer than
    N²/2 pairs. Where fewer than one such pair is expected, some draw of the vectors has none.
    """
    return np.exp(np.asarray(m, float) * np.asarray(epsilon, float) ** 2 / 4)


def random_coherence(size: ArrayLike, m: ArrayLike, quantile: ArrayLike = 0.5) -> Real:
    """Quantile of the coherence of N random directions, m > 1; 0 for N < 2.

    The N(N − 1)/2 cosines are pairwise independent. The formula treats them as mutually independent, which is inaccurate for low
    quantiles of few vectors in few dimensions.
    """
    size, m = np.asarray(size, float), np.asarray(m, float)
    pairs = size * (size - 1) / 2
    within = np.exp(np.log(np.asarray(quantile, float)) / np.maximum(pairs, 1))
    return np.where(pairs > 0, np.sqrt(betaincinv(0.5, (m - 1) / 2, within)), 0.0)


def random_vectors(m: ArrayLike, epsilon: ArrayLike) -> Real:
    """The N for which half of all random draws have a coherence ≤ ε, as in `random_coherence`; m > 1."""
    beyond = betainc((np.asarray(m, float) - 1) / 2, 0.5, 1 - np.asarray(epsilon, float) ** 2)  # cos² ~ Beta(½, (m − 1)/2)
    pairs = np.log(0.5) / np.log1p(-beyond)
    return (1 + np.sqrt(1 + 8 * pairs)) / 2


def sensed_density(ratio: ArrayLike) -> Real:
    """The p < 1/e at which −p log p = `ratio` = m/n, with the constant of Ω taken as 1; 1 for m/n ≥ 1/e, where any p will do.

    Elhage et al. 2022, "Mathematical Understanding": k = np active features are recovered from m = Ω(−n(1 − S) log(1 − S)).
    """
    ratio = np.asarray(ratio, float)
    return np.where(ratio < np.exp(-1), np.exp(lambertw(-np.minimum(ratio, np.exp(-1)), -1).real), 1.0)


def l1_density(ratio: ArrayLike) -> Real:
    """The greatest k/n at which ℓ₁ minimisation recovers most x ≥ 0 with k of n features active from m = ratio · n random sums.

    This is the weak threshold of Donoho & Tanner 2005 for Gaussian W and n → ∞, by the maximum over z of Donoho, Maleki &
    Montanari 2009.
    """
    ratio = np.asarray(ratio, float)[..., None]
    z = np.linspace(0, 6, 6001)
    tail = (1 + z * z) * norm.sf(z) - z * norm.pdf(z)
    return (ratio * (1 - tail / ratio) / (1 + z * z - tail)).max(axis=-1)
