"""Closed forms to hold experiments against: what the linear model loses, the limit of one active feature, polygons. No training.

A feature is x = 0 with probability 1 − p, else a value v of the law, a name in `data.LAWS` (`exponent` is that of `power`).
Losses are sums over features, which are the last axis; other axes broadcast. Every formula is checked in the tests against
quadrature of the real model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from superposition_jax.core.data import LAWS

Real = NDArray[np.float64]
"""Numbers in double precision, of any shape."""


def moments(law: str, exponent: float = 1.0) -> tuple[float, float]:
    """E v and E v² of a law of feature values.

    Raises:
      KeyError: if there is no such law.
    """
    first, second = LAWS[law].moments(np.float64(exponent))
    return float(first), float(second)


def variance(p: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> Real:
    """Var x = p·E v² − (p·E v)², the loss of a feature that is answered by its mean; p/3 − p²/4 for U[0,1]."""
    first, second = moments(law, exponent)
    p = np.asarray(p, float)
    return p * second - (p * first) ** 2


def constant_loss(p: ArrayLike, importance: ArrayLike, law: str = "uniform", exponent: float = 1.0) -> Real:
    """Loss Σ I_i Var x_i of dropping everything; p and importance (…, feature)."""
    return np.sum(np.asarray(importance, float) * variance(p, law, exponent), axis=-1)


def linear_loss(p: ArrayLike, importance: ArrayLike, hidden: int, law: str = "uniform", exponent: float = 1.0) -> Real:
    """Least loss of the linear model x' = WᵀWx + b: Σ I_i Var x_i over all but the `hidden` greatest terms.

    The loss is ‖D_I^½ (1 − WᵀW) D_V^½‖²_F with diagonal D. Over all matrices of rank m in the place of WᵀW its minimum is that of
    approximating the diagonal matrix D_I^½ D_V^½ (Eckart & Young), and a projection on m coordinates, which is a WᵀW, attains it.
    """
    terms = np.sort(np.asarray(importance, float) * variance(p, law, exponent), axis=-1)
    return terms[..., : max(0, terms.shape[-1] - hidden)].sum(axis=-1)


def ramp_error(slope: ArrayLike, gain: ArrayLike, bias: ArrayLike) -> Real:
    """∫₀¹ (c x − ReLU(a x + b))² dx for c = `slope`, a = `gain`, b = `bias`, broadcast; exact."""
    c, a, b = np.broadcast_arrays(*(np.asarray(value, float) for value in (slope, gain, bias)))
    kink = np.where(a == 0, 0.0, np.clip(-b / np.where(a == 0, 1.0, a), 0.0, 1.0))
    on_above = (a > 0) | ((a == 0) & (b > 0))
    start, stop = np.where(on_above, kink, 0.0), np.where(on_above, 1.0, np.where(a == 0, 0.0, kink))

    def integral(slope: Real, shift: Real, low: Real, high: Real) -> Real:
        """∫ (slope·x − shift)² dx from low to high."""
        return slope**2 * (high**3 - low**3) / 3 - slope * shift * (high**2 - low**2) + shift**2 * (high - low)

    zero, one = np.zeros_like(start), np.ones_like(start)
    return integral(c, zero, zero, start) + integral(c - a, b, start, stop) + integral(c, zero, stop, one)


def empty_loss(b: ArrayLike, importance: ArrayLike) -> Real:
    """L₀ = Σ I_i ReLU(b_i)², the loss of the empty input; b and importance (…, feature)."""
    return np.sum(np.asarray(importance, float) * np.maximum(np.asarray(b, float), 0) ** 2, axis=-1)


def one_active_loss(w: ArrayLike, b: ArrayLike, importance: ArrayLike) -> Real:
    """L₁ = Σ_i [∫ I_i (x − ReLU(‖W_i‖²x + b_i))² dx + Σ_{j≠i} ∫ I_j ReLU(W_j·W_i x + b_j)² dx], values U[0,1]; exact.

    w is (…, hidden, feature), b and importance (…, feature).
    """
    w, b, importance = (np.asarray(value, float) for value in (w, b, importance))
    gram = np.swapaxes(w, -1, -2) @ w
    n = w.shape[-1]
    return np.sum(importance[..., :, None] * ramp_error(np.eye(n), gram, b[..., :, None]), axis=(-1, -2))


def sparse_loss(p: ArrayLike, w: ArrayLike, b: ArrayLike, importance: ArrayLike) -> Real:
    """The first two terms of the sparsity expansion, (1 − p)ⁿ L₀ + p (1 − p)ⁿ⁻¹ L₁: the loss up to O(p²).

    p is (…), the rest as in `one_active_loss`. Elhage et al. 2022, "Mathematical Understanding".
    """
    p, n = np.asarray(p, float), np.shape(w)[-1]
    return (1 - p) ** n * empty_loss(b, importance) + p * (1 - p) ** (n - 1) * one_active_loss(w, b, importance)


def polygon(k: int, norm: float = 1.0) -> Real:
    """W (2, k) of a regular k-gon."""
    turn = 2 * np.pi * np.arange(k) / k
    return norm * np.stack([np.cos(turn), np.sin(turn)])


def best_polygon(k: int) -> tuple[float, float, float]:
    """Norm and common bias of the regular k-gon that lose least where one feature is active, and that loss L₁/k, importance 1."""

    def lost(parameters: Real) -> float:
        return float(one_active_loss(polygon(k, parameters[0]), np.full(k, parameters[1]), np.ones(k))) / k

    found = [
        minimize(lost, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14}) for start in ((1, 0), (1.2, -0.3))
    ]
    best = min(found, key=lambda result: result.fun)
    return abs(float(best.x[0])), float(best.x[1]), float(best.fun)
