"""Candidate solutions of the paper's phase diagrams, n=2, m=1 and n=3, m=2, their losses, and the boundaries between them.

All features have density p. Importances are 1, the last feature's is r. Losses are sums over features. Tests compare every
formula with quadrature of the real model. Source: Elhage et al. 2022, "Superposition as a Phase Change".

Laws with negative values have no antipodal candidates; the functions raise a ValueError for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superposition_jax.theory.losses import Real, moments, ramp_error, variance

PAIR_SQUARE: dict[str, Callable[[float], float]] = {
    "uniform": lambda a: 1 / 6,
    "upper": lambda a: 11 / 24,
    "exponential": lambda a: 1 / 2,
    "power": lambda a: 1 - 4 / (a + 2) + 1 / (a + 1),
    "binary": lambda a: 1.0,
}
"""E min(v, v')² of two values, by law and exponent: the loss when two antipodal features are both on."""


def _pair(p: ArrayLike, law: str, exponent: float) -> Real:
    """Loss p²·E min(v, v')² of each of two antipodal features of unit norm and importance 1."""
    if law not in PAIR_SQUARE:
        raise ValueError(f"law {law!r}: antipodal features need values ≥ 0; there are: {', '.join(PAIR_SQUARE)}")
    return np.asarray(p, float) ** 2 * PAIR_SQUARE[law](exponent)


def candidates_n2m1(p: ArrayLike, r: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Losses of the paper's candidate solutions for two features in one dimension; p and r broadcast.

    - `last dropped`: W = (1, 0): r·Var x.
    - `first dropped`: W = (0, 1): Var x.
    - `antipodal`: W = (1, −1), b = 0: (1 + r)·p²·E min(v, v')², since the features interfere only when both are on.

    >>> {name: round(float(loss), 3) for name, loss in candidates_n2m1(0.1, 1.0).items()}
    {'last dropped': 0.031, 'first dropped': 0.031, 'antipodal': 0.003}
    """
    p, r = np.broadcast_arrays(np.asarray(p, float), np.asarray(r, float))
    drop, pair = variance(p, law, exponent), _pair(p, law, exponent)
    return {"last dropped": r * drop, "first dropped": drop, "antipodal": (1 + r) * pair}


def candidates_n3m2(p: ArrayLike, r: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Losses of the paper's candidate solutions for three features in two dimensions; the last feature is the extra one.

    - `last dropped`, `first dropped`: r·Var x and Var x; the other two features have a dimension each.
    - `last antipodal`: (1 + r)·p²·E min²; the last feature is antipodal to one of the others.
    - `others antipodal`: 2·p²·E min²; the last feature has a dimension of its own.
    """
    p, r = np.broadcast_arrays(np.asarray(p, float), np.asarray(r, float))
    drop, pair = variance(p, law, exponent), _pair(p, law, exponent)
    return {"last dropped": r * drop, "first dropped": drop, "last antipodal": (1 + r) * pair, "others antipodal": 2 * pair}


def least(candidates: dict[str, Real]) -> tuple[NDArray[np.intp], Real]:
    """Index of the candidate of least loss, and that loss, in the shape of the losses."""
    stacked = np.stack(list(candidates.values()))
    return stacked.argmin(axis=0), stacked.min(axis=0)


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


def boundaries_n2m1(p: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Relative importances r at the boundaries of n = 2, m = 1 as functions of p; NaN where a boundary does not exist.

    `last dropped | antipodal`: r V = (1 + r) Q, so r = Q/(V − Q). `antipodal | first dropped`: V = (1 + r) Q, so r = V/Q − 1.
    Both end at the triple point, where the third, r = 1, begins.
    """
    p = np.asarray(p, float)
    drop, pair = variance(p, law, exponent), _pair(p, law, exponent)
    sparse = p <= triple_point(law, exponent)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "last dropped | antipodal": np.where(sparse, pair / (drop - pair), np.nan),
            "antipodal | first dropped": np.where(sparse, drop / pair - 1, np.nan),
            "last dropped | first dropped": np.where(sparse, np.nan, 1.0),
        }


def boundaries_n3m2(p: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> dict[str, Real]:
    """Relative importances r at the boundaries of n = 3, m = 2 as functions of p, apart from the line p = p* for r ≥ 1.

    `last dropped | last antipodal`: r = Q/(V − Q) as for n = 2. `last antipodal | others antipodal`: (1 + r) Q = 2Q, so r = 1.
    `others antipodal | first dropped`: V = 2Q, which is p = p* for every r ≥ 1.
    """
    two, sparse = boundaries_n2m1(p, law, exponent), np.asarray(p, float) <= triple_point(law, exponent)[0]
    return {
        "last dropped | last antipodal": two["last dropped | antipodal"],
        "last antipodal | others antipodal": np.where(sparse, 1.0, np.nan),
        "last dropped | first dropped": two["last dropped | first dropped"],
    }


def pair_error(p: ArrayLike, gain: ArrayLike, interference: ArrayLike, bias: ArrayLike) -> Real:
    """E (x − ReLU(gain·x − interference·y + bias))² for x and y of density p and law U[0,1], exactly; arguments broadcast.

    With both on, the integral over x is a closed form. It is a cubic in y between 0, the y up to which the output is above 0 for
    every x, the y from which it is 0 for every x, and 1, so that two Gauss nodes in each interval are exact.
    """
    p, a, c, b = np.broadcast_arrays(*(np.asarray(value, float) for value in (p, gain, interference, bias)))
    safe = np.where(c > 0, c, 1.0)
    always, never = (np.where(c > 0, np.clip(edge / safe, 0.0, 1.0), edge > 0) for edge in (b, a + b))
    both = (1 - never) / 3
    for low, high in ((np.zeros_like(p), always), (always, never)):
        for node in (-(3**-0.5), 3**-0.5):
            y = low + (high - low) * (1 + node) / 2
            both = both + (high - low) / 2 * ramp_error(1.0, a, b - c * y)
    single = ramp_error(1.0, a, b) + ramp_error(0.0, -c, b)
    return (1 - p) ** 2 * np.maximum(b, 0) ** 2 + p * (1 - p) * single + p**2 * both


def antipodal_loss(p: ArrayLike, r: ArrayLike, norms: tuple[ArrayLike, ArrayLike], biases: tuple[ArrayLike, ArrayLike]) -> Real:
    """Exact loss of two features of importances 1 and r on one line, W = (a, −c), for any norms a, c and biases; law U[0,1].

    With a = c = 1 and b = 0 it is (1 + r)·p²/6. The minimum is lower: a positive bias makes up for what interference takes away,
    and a shorter column interferes less.
    """
    (a, c), (b, d) = (tuple(np.asarray(value, float) for value in pair) for pair in (norms, biases))
    return pair_error(p, a * a, a * c, b) + np.asarray(r, float) * pair_error(p, c * c, a * c, d)


EXTRA = {
    "last dropped": (0, 0),
    "first dropped": (1, 0),
    "antipodal": (1, 1),
    "last antipodal": (1, 1),
    "others antipodal": (1, 0),
}
"""Norm and superposition of the extra feature, by candidate."""

ARRANGEMENTS = {
    (2, 1): {"antipodal": [[1, -1]]},
    (3, 2): {"last antipodal": [[1, 0, 0], [0, 1, -1]], "others antipodal": [[1, -1, 0], [0, 0, 1]]},
}
"""W (hidden, feature) of the candidates that training improves, by (n, m) and name.

The others are minima: features with dimensions of their own, and a dropped one whose output is its mean.
"""


class Diagram(NamedTuple):
    """The candidates of a phase diagram: their names, and a function (p, r, law, exponent) → losses by name."""

    names: tuple[str, ...]
    losses: Callable[..., dict[str, Real]]


CANDIDATES = {
    (2, 1): Diagram(("last dropped", "first dropped", "antipodal"), candidates_n2m1),
    (3, 2): Diagram(("last dropped", "first dropped", "last antipodal", "others antipodal"), candidates_n3m2),
}
"""The candidates by (n, m)."""
