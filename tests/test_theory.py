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
    np.testing.assert_allclose(losses.linear_loss(p, importance, 0), losses.constant_loss(p, importance))
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
    rest = [expected_loss(p, w, b, importance) - losses.sparse_loss(p, w, b, importance) for p in (1e-3, 2e-3)]
    assert rest[1] / rest[0] == pytest.approx(4, rel=0.01)  # what is left out is O(p²)
    assert losses.empty_loss([0.5, -1, 0.2], [1, 1, 2]) == pytest.approx(0.25 + 0.08)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 8])
def test_best_polygons_are_minima(k):
    norm, bias, lost = losses.best_polygon(k)
    ones = np.ones(k)
    np.testing.assert_allclose(one_active(losses.polygon(k, norm), np.full(k, bias), ones) / k, lost, rtol=1e-6, atol=1e-10)
    for change in (1.01, 0.99):
        assert losses.one_active_loss(losses.polygon(k, norm * change), np.full(k, bias), ones) / k > lost - 1e-12
        assert losses.one_active_loss(losses.polygon(k, norm), np.full(k, bias * change), ones) / k > lost - 1e-12
    if k <= 4:  # up to right angles nothing interferes: nothing is lost, without any bias
        np.testing.assert_allclose([norm, bias, lost], [1, 0, 0], atol=1e-4)
    else:
        assert norm > 1
        assert bias < 0
