"""Closed forms against quadrature of the real model in double precision."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from superposition_jax import data, model, theory
from superposition_jax.types import Spec

LAW_EXPONENTS = [("uniform", 1.0), ("upper", 1.0), ("exponential", 1.0), ("power", 0.5), ("power", 3.0), ("binary", 1.0)]


def expected_loss(*arguments, points=(5000, 500, 40)):
    """E Σ I_i (x_i − x'_i)² of p, w, b, importance, law, exponent, by the model itself, the midpoint rule extrapolated."""
    coarse, fine = (midpoint(*arguments, points=[k * size for size in points]) for k in (1, 2))
    return (4 * fine - coarse) / 3


def midpoint(p, w, b, importance, law="uniform", exponent=1.0, *, points):
    """Midpoint rule in the law's quantile over every set of active features."""
    w, b, importance = (np.asarray(value, float) for value in (w, b, importance))
    hidden, n = w.shape
    spec, total = Spec(n_features=n, n_hidden=hidden), 0.0
    with jax.enable_x64(True):
        for active in itertools.product([False, True], repeat=n):
            k = sum(active)
            size = points[k - 1] if k else 1
            u = (np.arange(size) + 0.5) / size
            values = np.asarray(data.LAWS[law].quantile(u, exponent))
            x = np.zeros((n, size**k))
            x[np.flatnonzero(active)] = np.stack([g.ravel() for g in np.meshgrid(*[values] * k)]) if k else 0
            out = np.asarray(model.apply({"W": jnp.asarray(w), "b": jnp.asarray(b)}, jnp.asarray(x), spec=spec))
            total += p**k * (1 - p) ** (n - k) * (importance @ (x - out) ** 2).mean()
    return total


def one_active(w, b, importance, points=200_001):
    total, n = 0.0, np.shape(w)[1]
    t = (np.arange(points) + 0.5) / points
    for i in range(n):
        x = np.zeros((n, points))
        x[i] = t
        out = np.maximum(np.transpose(w) @ (w @ x) + b[:, None], 0)
        total += (importance @ (x - out) ** 2).mean()
    return total


@pytest.mark.parametrize("p", [0.9, 0.2])
@pytest.mark.parametrize("r", [0.3, 4.0])
def test_candidates_of_two_features(p, r):
    found = theory.candidates_n2m1(p, r)
    mean = p / 2
    solutions = {
        "last dropped": ([[1, 0]], [0, mean]),
        "first dropped": ([[0, 1]], [mean, 0]),
        "antipodal": ([[1, -1]], [0, 0]),
    }
    for name, (w, b) in solutions.items():
        np.testing.assert_allclose(found[name], expected_loss(p, w, b, [1, r]), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(("p", "r"), [(0.7, 2.0), (0.1, 0.5)])
def test_candidates_of_three_features(p, r):
    found = theory.candidates_n3m2(p, r)
    mean = p / 2
    solutions = {
        "last dropped": ([[1, 0, 0], [0, 1, 0]], [0, 0, mean]),
        "first dropped": ([[0, 1, 0], [0, 0, 1]], [mean, 0, 0]),
        "last antipodal": ([[1, 0, 0], [0, 1, -1]], [0, 0, 0]),
        "others antipodal": ([[1, -1, 0], [0, 0, 1]], [0, 0, 0]),
    }
    for name, (w, b) in solutions.items():
        np.testing.assert_allclose(
            found[name], expected_loss(p, w, b, [1, 1, r], points=(5000, 500, 64)), rtol=1e-6, err_msg=name
        )


@pytest.mark.parametrize(("law", "exponent"), LAW_EXPONENTS)
def test_other_laws(law, exponent):
    p, r, (first, _) = 0.4, 2.5, theory.moments(law, exponent)
    found = theory.candidates_n2m1(p, r, law, exponent)
    steep = law in ("exponential", "power") and exponent <= 1  # quantiles that the midpoint rule resolves slowly
    points, tolerance = ((100_000, 1500), 2e-3) if steep else ((10_000, 1000), 1e-6)
    for name, (w, b) in {"last dropped": ([[1, 0]], [0, p * first]), "antipodal": ([[1, -1]], [0, 0])}.items():
        expected = expected_loss(p, w, b, [1, r], law, exponent, points=points)
        np.testing.assert_allclose(found[name], expected, rtol=tolerance, err_msg=name)
    with pytest.raises(ValueError, match="signed"):
        theory.candidates_n2m1(p, r, "signed")


@pytest.mark.parametrize(("law", "exponent"), LAW_EXPONENTS)
def test_regions_meet_where_the_losses_are_equal(law, exponent):
    p_star, r_star = theory.triple_point(law, exponent)
    if p_star <= 1:
        for candidates in (theory.candidates_n2m1, theory.candidates_n3m2):
            losses = np.array(list(candidates(p_star, r_star, law, exponent).values()))
            np.testing.assert_allclose(losses, losses[0], rtol=1e-12)
    p = np.linspace(0.05, min(p_star, 1.0) - 0.01, 9)
    for candidates, boundaries in (
        (theory.candidates_n2m1, theory.boundaries_n2m1),
        (theory.candidates_n3m2, theory.boundaries_n3m2),
    ):
        for name, r in boundaries(p, law, exponent).items():
            there = np.isfinite(r) & (r > 0)
            one, other = name.split(" | ")
            losses = candidates(p[there], r[there], law, exponent)
            np.testing.assert_allclose(losses[one], losses[other], rtol=1e-12)
            np.testing.assert_allclose(losses[one], theory.least(losses)[1], rtol=1e-12)
    assert theory.triple_point()[0] == pytest.approx(4 / 7)


def test_the_linear_model_loses_all_but_the_greatest_terms():
    rng = np.random.default_rng(0)
    p, importance = rng.random(4), rng.random(4)
    assert theory.linear_loss(p, importance, 4) == 0
    np.testing.assert_allclose(theory.linear_loss(p, importance, 0), theory.constant_loss(p, importance))
    least = theory.linear_loss(p, importance, 2)
    variances = theory.variance(p)
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
    np.testing.assert_allclose(theory.one_active_loss(w, b, importance), one_active(w, b, importance), rtol=1e-8)
    rest = [expected_loss(p, w, b, importance) - theory.sparse_loss(p, w, b, importance) for p in (1e-3, 2e-3)]
    assert rest[1] / rest[0] == pytest.approx(4, rel=0.01)  # what is left out is O(p²)
    assert theory.empty_loss([0.5, -1, 0.2], [1, 1, 2]) == pytest.approx(0.25 + 0.08)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 8])
def test_best_polygons_are_minima(k):
    norm, bias, lost = theory.best_polygon(k)
    ones = np.ones(k)
    np.testing.assert_allclose(one_active(theory.polygon(k, norm), np.full(k, bias), ones) / k, lost, rtol=1e-6, atol=1e-10)
    for change in (1.01, 0.99):
        assert theory.one_active_loss(theory.polygon(k, norm * change), np.full(k, bias), ones) / k > lost - 1e-12
        assert theory.one_active_loss(theory.polygon(k, norm), np.full(k, bias * change), ones) / k > lost - 1e-12
    if k <= 4:  # up to right angles nothing interferes: nothing is lost, without any bias
        np.testing.assert_allclose([norm, bias, lost], [1, 0, 0], atol=1e-4)
    else:
        assert norm > 1
        assert bias < 0
