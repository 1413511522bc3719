"""Measures against closed forms of known solids and against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy.stats import ortho_group

from superposition_jax.core import geometry
from superposition_jax.core.linalg import eigenvalues


def polygon(k):
    turn = 2 * jnp.pi * jnp.arange(k) / k
    return jnp.stack([jnp.cos(turn), jnp.sin(turn)])


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 8])
def test_a_regular_polygon_shares_the_plane(k):
    w = polygon(k)
    plane = 1 if k == 2 else 2
    np.testing.assert_allclose(geometry.dimensionality(w), plane / k, rtol=1e-5)
    np.testing.assert_allclose(geometry.superposition(w), k / plane - 1, rtol=1e-4)
    np.testing.assert_allclose(geometry.dims_per_feature(w), 2 / k, rtol=1e-5)
    nearest = max(abs(np.cos(2 * np.pi * j / k)) for j in range(1, k))
    np.testing.assert_allclose(geometry.coherence(w), nearest, rtol=1e-5)
    assert geometry.represented(w) == k


def test_orthogonal_features_have_a_dimension_each_and_dead_ones_none():
    w = jnp.eye(3, 5) * jnp.array([1.0, 0.8, 0.3, 1.0, 1.0])[None, :]
    np.testing.assert_allclose(geometry.dimensionality(w), [1, 1, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(geometry.superposition(w), 0, atol=1e-7)
    np.testing.assert_allclose(geometry.feature_norm(w), [1, 0.8, 0.3, 0, 0], rtol=1e-6)
    assert geometry.represented(w) == 2
    assert all(np.isfinite(value).all() for value in geometry.measure(jnp.zeros((2, 4))).values() if value.ndim)


def test_measures_equal_numpy_loops_and_do_not_see_rotations():
    w = np.asarray(jax.random.normal(jax.random.key(0), (4, 9)), np.float64)
    norm = np.linalg.norm(w, axis=0)
    capacity, others = np.zeros(9), np.zeros(9)
    for i in range(9):
        dots = [(w[:, i] / norm[i] @ w[:, j]) ** 2 for j in range(9)]
        capacity[i], others[i] = norm[i] ** 2 / sum(dots), sum(dots) - dots[i]
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    for turned in (w, rotation @ w):
        found = geometry.measure(jnp.asarray(turned, jnp.float32))
        np.testing.assert_allclose(found["feature_norm"], norm, rtol=1e-5)
        np.testing.assert_allclose(found["dimensionality"], capacity, rtol=1e-4)
        np.testing.assert_allclose(found["superposition"], others, rtol=1e-4)
        np.testing.assert_allclose(found["dims_per_feature"], 4 / (norm**2).sum(), rtol=1e-5)


def test_wrong_shapes_are_caught_while_testing():
    with pytest.raises(TypeCheckError):
        geometry.feature_norm(jnp.ones(3))


def test_dimensionalities_never_sum_to_more_than_the_dimensions():
    for seed in range(20):
        w = jax.random.normal(jax.random.key(seed), (3, 10)) * jax.random.exponential(jax.random.key(99 - seed), (1, 10))
        assert geometry.dimensionality(w).sum() <= 3 + 1e-4


@pytest.mark.parametrize(("m", "n"), [(1, 3), (2, 2), (5, 20), (7, 3), (41, 60)])
def test_rank_and_condition_are_those_of_numpy(m, n):
    w = np.random.default_rng(m).normal(size=(m, n))
    low = w[:, :1] @ w[:1]  # of rank 1
    for matrix in (w, low, np.diag(np.geomspace(1, 0.03, min(m, n))), np.diag([1.0, 0.005, 0])):
        values = np.linalg.svd(matrix, compute_uv=False)
        rank = np.linalg.matrix_rank(matrix, tol=geometry.RANK_TOLERANCE * values[0])
        assert geometry.rank(jnp.asarray(matrix, jnp.float32)) == rank
        np.testing.assert_allclose(geometry.condition(jnp.asarray(matrix, jnp.float32)), values[0] / values[rank - 1], rtol=2e-3)
    assert (geometry.rank(jnp.zeros((m, n))), geometry.condition(jnp.zeros((m, n)))) == (0, np.inf)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 33, 100])
def test_eigenvalues_are_those_of_numpy(size):
    w = np.random.default_rng(size).normal(size=(size, size + 2))
    for gram in (w @ w.T, np.diag(w[0, :size] ** 2), np.outer(w[:, 0], w[:, 0])):
        expected = np.linalg.eigvalsh(gram)
        np.testing.assert_allclose(eigenvalues(jnp.asarray(gram, jnp.float32)), expected, atol=5e-6 * expected[-1])


def test_columns_of_one_neuron_are_aligned_and_turned_ones_are_not():
    m = 6
    np.testing.assert_allclose(geometry.alignment(jnp.eye(m, m + 1)), [1] * m + [0], rtol=1e-6)
    np.testing.assert_allclose(geometry.alignment(jnp.ones((m, 2))), 1 / m, rtol=1e-6)
    turned = ortho_group.rvs(m, size=4000, random_state=0).swapaxes(1, 2).reshape(-1, m).T
    found = np.asarray(geometry.alignment(jnp.asarray(turned, jnp.float32)))
    assert abs(found.mean() - 3 / (m + 2)) < 4 * found.std() / 4000**0.5
