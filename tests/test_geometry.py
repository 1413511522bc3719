"""Measures against closed forms of known solids and against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy.stats import ortho_group

from superposition_jax.core import geometry
from superposition_jax.core.linalg import eigenvalues
from superposition_jax.theory import polygon

MEASURE = jax.jit(geometry.measure)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 8])
def test_a_regular_polygon_shares_the_plane(k):
    plane, measures = 1 if k == 2 else 2, MEASURE(jnp.asarray(polygon(k), jnp.float32))
    np.testing.assert_allclose(measures["dimensionality"], plane / k, rtol=1e-5)
    np.testing.assert_allclose(measures["superposition"], k / plane - 1, rtol=1e-4)
    np.testing.assert_allclose(measures["dims_per_feature"], 2 / k, rtol=1e-5)
    nearest = max(abs(np.cos(2 * np.pi * j / k)) for j in range(1, k))
    np.testing.assert_allclose(measures["coherence"], nearest, rtol=1e-5)
    assert measures["represented"] == k


def test_orthogonal_features_have_a_dimension_each_and_dead_ones_none():
    measures = MEASURE(np.diag(np.float32([1, 0.8, 0.3, 0, 0]))[:3])
    np.testing.assert_allclose(measures["dimensionality"], [1, 1, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(measures["superposition"], 0, atol=1e-7)
    np.testing.assert_allclose(measures["feature_norm"], [1, 0.8, 0.3, 0, 0], rtol=1e-6)
    assert measures["represented"] == 2
    assert all(np.isfinite(value).all() for value in MEASURE(jnp.zeros((2, 4))).values() if value.ndim)


def test_measures_equal_numpy_loops_and_do_not_see_rotations():
    w = np.asarray(jax.random.normal(jax.random.key(0), (4, 9)), np.float64)
    norm = np.linalg.norm(w, axis=0)
    capacity, others = np.zeros(9), np.zeros(9)
    for i in range(9):
        dots = [(w[:, i] / norm[i] @ w[:, j]) ** 2 for j in range(9)]
        capacity[i], others[i] = norm[i] ** 2 / sum(dots), sum(dots) - dots[i]
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    for turned in (w, rotation @ w):
        measures = MEASURE(turned.astype(np.float32))
        np.testing.assert_allclose(measures["feature_norm"], norm, rtol=1e-5)
        np.testing.assert_allclose(measures["dimensionality"], capacity, rtol=1e-4)
        np.testing.assert_allclose(measures["superposition"], others, rtol=1e-4)
        np.testing.assert_allclose(measures["dims_per_feature"], 4 / (norm**2).sum(), rtol=1e-5)


def test_wrong_shapes_are_caught_while_testing():
    with pytest.raises(TypeCheckError):
        geometry.feature_norm(jnp.ones(3))


def test_dimensionalities_never_sum_to_more_than_the_dimensions():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        w = rng.normal(size=(3, 10)) * rng.exponential(size=10)
        assert geometry.dimensionality(jnp.asarray(w, jnp.float32)).sum() <= 3 + 1e-4


@pytest.mark.parametrize(("m", "n"), [(1, 3), (2, 2), (5, 20), (7, 3), (41, 60)])
def test_rank_and_condition_are_those_of_numpy(m, n):
    w, both = np.random.default_rng(m).normal(size=(m, n)), jax.jit(lambda w: (geometry.rank(w), geometry.condition(w)))
    low = w[:, :1] @ w[:1]  # of rank 1
    for matrix in (w, low, np.diag(np.geomspace(1, 0.03, min(m, n))), np.diag([1.0, 0.005, 0])):
        values = np.linalg.svd(matrix, compute_uv=False)
        rank = np.linalg.matrix_rank(matrix, tol=geometry.RANK_TOLERANCE * values[0])
        ours = both(matrix.astype(np.float32))
        assert ours[0] == rank
        np.testing.assert_allclose(ours[1], values[0] / values[rank - 1], rtol=2e-3)
    assert both(jnp.zeros((m, n))) == (0, np.inf)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 33, 100])
def test_eigenvalues_are_those_of_numpy(size):
    w = np.random.default_rng(size).normal(size=(size, size + 2))
    for gram in (w @ w.T, np.diag(w[0, :size] ** 2), np.outer(w[:, 0], w[:, 0])):
        expected = np.linalg.eigvalsh(gram)
        np.testing.assert_allclose(jax.jit(eigenvalues)(gram.astype(np.float32)), expected, atol=5e-6 * expected[-1])


def test_columns_of_one_neuron_are_aligned_and_turned_ones_are_not():
    m = 6
    np.testing.assert_allclose(geometry.alignment(jnp.eye(m, m + 1)), [1] * m + [0], rtol=1e-6)
    np.testing.assert_allclose(geometry.alignment(jnp.ones((m, 2))), 1 / m, rtol=1e-6)
    turned = ortho_group.rvs(m, size=4000, random_state=0).swapaxes(1, 2).reshape(-1, m).T
    found = np.asarray(geometry.alignment(jnp.asarray(turned, jnp.float32)))
    assert abs(found.mean() - 3 / (m + 2)) < 4 * found.std() / 4000**0.5
