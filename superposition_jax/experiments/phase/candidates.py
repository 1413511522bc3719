"""Candidate solutions of the paper's phase diagrams, n=2, m=1 and n=3, m=2, their losses, and the boundaries between them.

All features have density p. Importances are 1, the last feature's is r. Losses are sums over features. Tests compare every
formula with quadrature of the real model. Source: Elhage et al. 2022, "Superposition as a Phase Change".

Laws with negative values have no antipodal candidates; the functions raise a ValueError for them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from superposition_jax.theory.arrangements import arrangement
from superposition_jax.theory.losses import Real, moments, variance

PAIR_SQUARE: dict[str, Callable[[float], float]] = {
    "uniform": lambda a: 1 / 6,
    "upper": lambda a: 11 / 24,
    "exponential": lambda a: 1 / 2,
    "power": lambda a: 1 - 4 / (a + 2) + 1 / (a + 1),
    "binary": lambda a: 1.0,
}
"""E min(v, v')² of two values, by law and exponent: the loss when two antipodal features are both on."""


def _losses(p: ArrayLike, r: ArrayLike, law: str, exponent: float) -> tuple[Real, Real, Real]:
    """r, and the losses of features of importance 1: Var x of a dropped one, p²·E min(v, v')² of either of two antipodal ones."""
    if law not in PAIR_SQUARE:
        raise ValueError(f"law {law!r}: antipodal features need values ≥ 0; there are: {', '.join(PAIR_SQUARE)}")
    p, r = np.broadcast_arrays(np.asarray(p, float), np.asarray(r, float))
    return r, variance(p, law, exponent), p**2 * PAIR_SQUARE[law](exponent)


def candidates_n2m1(p: ArrayLike, r: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Losses of the paper's candidate solutions for two features in one dimension; p and r broadcast.

    - `last dropped`: W = (1, 0): r·Var x.
    - `first dropped`: W = (0, 1): Var x.
    - `antipodal`: W = (1, −1), b = 0: (1 + r)·p²·E min(v, v')², since the features interfere only when both are on.

    >>> {name: round(float(loss), 3) for name, loss in candidates_n2m1(0.1, 1.0).items()}
    {'last dropped': 0.031, 'first dropped': 0.031, 'antipodal': 0.003}
    """
    r, drop, pair = _losses(p, r, law, exponent)
    return {"last dropped": r * drop, "first dropped": drop, "antipodal": (1 + r) * pair}


def candidates_n3m2(p: ArrayLike, r: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Losses of the paper's candidate solutions for three features in two dimensions; the last feature is the extra one.

    - `last dropped`, `first dropped`: r·Var x and Var x; the other two features have a dimension each.
    - `last antipodal`: (1 + r)·p²·E min²; the last feature is antipodal to one of the others.
    - `others antipodal`: 2·p²·E min²; the last feature has a dimension of its own.
    """
    r, drop, pair = _losses(p, r, law, exponent)
    return {"last dropped": r * drop, "first dropped": drop, "last antipodal": (1 + r) * pair, "others antipodal": 2 * pair}


def triple_point(law: str = "uniform", exponent: float = 1.0) -> tuple[float, float]:
    """Density and relative importance (p*, 1) at which the candidates' regions meet, for n = 2, m = 1 and for n = 3, m = 2.

    Let V = p a₂ − p² a₁² (a₁ = E v, a₂ = E v²) and Q = p² q (q = E min²). With r = 1 dropping either feature costs the same, and
    with V = 2Q as much as antipodal features: p a₂ = p² (a₁² + 2q), so p* = a₂/(a₁² + 2q), which is 4/7 for U[0,1]. The losses
    rV, V, (1 + r)Q and 2Q for n = 3, m = 2 are equal there too.

    >>> round(float(triple_point()[0]), 4)
    0.5714
    """
    first, second = moments(law, exponent)
    return second / (first**2 + 2 * PAIR_SQUARE[law](exponent)), 1.0


_DROPPED = {"last dropped": (0, 0), "first dropped": (1, 0)}
EXTRA = _DROPPED | {"antipodal": (1, 1), "last antipodal": (1, 1), "others antipodal": (1, 0)}
"""Norm and superposition of the extra feature, by the paper's candidate."""
TRIANGLE = "triangle"
"""A solution that the paper does not have: three features at about 120°, the first two alike."""
ARRANGEMENTS = {
    (2, 1): {"antipodal": [arrangement([[1, -2]], *start) for start in ((1, 1), (1, 0.2), (0.2, 1))]},
    (3, 2): {
        "last antipodal": [arrangement([[1, 0, 0], [0, 2, -3]], 1, *start) for start in ((1, 1), (1, 0.2), (0.2, 1))],
        "others antipodal": [arrangement([[1, -2, 0], [0, 0, 3]], *start, 1) for start in ((1, 1), (1, 0.2))],
        TRIANGLE: [arrangement([[1, -1, 0], [-2, -2, 3]], 3**0.5 / 2, 0.5, 1)],
    },
}
"""Candidates that are not minima by themselves, by (n, m) and name, with lengths from which their minima are sought.

The others are: features with dimensions of their own, and a dropped one whose output is its mean.
"""
CANDIDATES = {(2, 1): candidates_n2m1, (3, 2): candidates_n3m2}
"""Functions (p, r, law, exponent) → losses of the paper's candidates by name, by (n, m)."""
