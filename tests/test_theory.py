"""Closed forms against quadrature of the real model in double precision."""

import numpy as np
import pytest
from oracle import expected_loss

from superposition_jax.theory import losses


def one_active(w, b, importance, points=200_001):
    total, n = 0.0, np.shape(w)[1]
    t = (np.arange(points) + 0.5) / points
    for i in range(n):
        x = np.zeros((n, points))
        x[i] = t
        out = np.maximum(np.transpose(w) @ (w @ x) + b[:, None], 0)
        total += (importance @ (x - out) ** 2).mean()
    return total


def test_the_linear_model_loses_all_but_the_greatest_terms():
    rng = np.random.default_rng(0)
    p, importance = rng.random(4), rng.random(4)
    assert losses.linear_loss(p, importance, 4) == 0
    np.testing.assert_allclose(losses.linear_loss(p, importance, 0), importance @ losses.variance(p))
    least = losses.linear_loss(p, importance, 2)
    variances = losses.variance(p)
    for _ in range(200):  # no W does better
        w = rng.normal(size=(2, 4))
        missed = np.eye(4) - w.T @ w
        assert importance @ (missed**2 @ variances) > least
    kept = np.argsort(importance * variances)[2:]
    np.testing.assert_allclose(np.delete(importance * variances, kept).sum(), least)


@pytest.mark.parametrize("seed", range(4))
def test_one_active_feature_and_the_sparse_limit(seed):
    rng = np.random.default_rng(seed)
    w, b, importance = rng.normal(size=(2, 3)), rng.normal(size=3) / 3, rng.random(3)
    np.testing.assert_allclose(losses.one_active_loss(w, b, importance), one_active(w, b, importance), rtol=1e-8)
    none, one = importance @ np.maximum(b, 0) ** 2, losses.one_active_loss(w, b, importance)
    rest = [expected_loss(p, w, b, importance) - (1 - p) ** 3 * none - p * (1 - p) ** 2 * one for p in (1e-3, 2e-3)]
    assert rest[1] / rest[0] == pytest.approx(4, rel=0.01)  # what is left out is O(p²)
