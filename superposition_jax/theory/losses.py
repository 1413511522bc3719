"""Closed forms that experiments are compared with: losses of the linear model, the loss of one active feature, polygons.

A feature is x = 0 with probability 1 − p, else a value v. `law` names v's distribution in `data.LAWS`, and `exponent` is that of
the law `power`. Losses are sums over features, the last axis; other axes broadcast. The tests compare every formula with
quadrature of the real model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from superposition_jax.core.data import LAWS

Real = NDArray[np.float64]
"""Arrays of any shape in double precision."""


def moments(law: str, exponent: float = 1.0) -> tuple[float, float]:
    """E v and E v² of the values of active features.

    >>> moments("uniform")
    (0.5, 0.3333333333333333)

    Raises:
      KeyError: if there is no such law.
    """
    first, second = LAWS[law].moments(np.float64(exponent))
    return float(first), float(second)


def variance(p: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> Real:
    """Var x = p·E v² − (p·E v)²: the loss of a feature whose output is its mean. It is p/3 − p²/4 for U[0, 1].

    >>> round(float(variance(0.5)), 6)
    0.104167
    """
    first, second = moments(law, exponent)
    p = np.asarray(p, float)
    return p * second - (p * first) ** 2


def linear_loss(p: ArrayLike, importance: ArrayLike, hidden: int, law: str = "uniform", exponent: float = 1.0) -> Real:
    """Least loss of the linear model x' = WᵀWx + b with `hidden` dimensions: Σ I_i Var x_i without its greatest `hidden` terms.

    The loss is ‖D_I^½ (1 − WᵀW) D_V^½‖²_F with diagonal D. Were WᵀW any matrix of rank m, the minimum would be that of
    approximating the diagonal matrix D_I^½ D_V^½ (Eckart & Young 1936); the projection on m coordinates is a WᵀW and attains it.

    >>> round(float(linear_loss([1.0, 1.0, 1.0], [1.0, 0.5, 0.25], hidden=2)), 6)
    0.020833
    """
    terms = np.sort(np.asarray(importance, float) * variance(p, law, exponent), axis=-1)
    return terms[..., : max(0, terms.shape[-1] - hidden)].sum(axis=-1)


def ramp_error(slope: ArrayLike, gain: ArrayLike, bias: ArrayLike) -> Real:
    """∫₀¹ (c x − ReLU(a x + b))² dx for c = `slope`, a = `gain` and b = `bias`, which broadcast; exact.

    >>> ramp_error(slope=[1, 0], gain=[1, -1], bias=[0, 0.5]).round(6).tolist()
    [0.0, 0.041667]
    """
    c, a, b = np.broadcast_arrays(*(np.asarray(value, float) for value in (slope, gain, bias)))
    kink = np.where(a == 0, 0.0, np.clip(-b / np.where(a == 0, 1.0, a), 0.0, 1.0))
    on_above = (a > 0) | ((a == 0) & (b > 0))
    start, stop = np.where(on_above, kink, 0.0), np.where(on_above, 1.0, np.where(a == 0, 0.0, kink))

    def integral(slope: Real, shift: Real, low: Real, high: Real) -> Real:
        """∫ (slope·x − shift)² dx from low to high."""
        return slope**2 * (high**3 - low**3) / 3 - slope * shift * (high**2 - low**2) + shift**2 * (high - low)

    zero, one = np.zeros_like(start), np.ones_like(start)
    return integral(c, zero, zero, start) + integral(c - a, b, start, stop) + integral(c, zero, stop, one)


def one_active_loss(w: ArrayLike, b: ArrayLike, importance: ArrayLike) -> Real:
    """L₁ = Σ_i [∫ I_i (x − ReLU(‖W_i‖²x + b_i))² dx + Σ_{j≠i} ∫ I_j ReLU(W_j·W_i x + b_j)² dx] for values U[0, 1]; exact.

    w is (…, hidden, feature), b and importance are (…, feature). The loss is (1 − p)ⁿ L₀ + p (1 − p)ⁿ⁻¹ L₁ + O(p²), with L₀ that
    of the empty input. Elhage et al. 2022, "Mathematical Understanding".

    >>> float(one_active_loss(polygon(4), np.zeros(4), np.ones(4)).round(12))  # antipodal pairs at right angles
    0.0
    """
    w, b, importance = (np.asarray(value, float) for value in (w, b, importance))
    gram = np.swapaxes(w, -1, -2) @ w
    n = w.shape[-1]
    return np.sum(importance[..., :, None] * ramp_error(np.eye(n), gram, b[..., :, None]), axis=(-1, -2))


def polygon(k: int, norm: float = 1.0) -> Real:
    """W (2, k) whose columns are the corners of a regular k-gon."""
    turn = 2 * np.pi * np.arange(k) / k
    return norm * np.stack([np.cos(turn), np.sin(turn)])
