"""Decoders of h = Wx against independent solvers, and where recovery is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import ortho_group

import superposition_jax
from superposition_jax.experiments.recovery import numeric as recovery
from superposition_jax.theory import bounds
from superposition_jax.types import Batch

GIVEN = ["model.n_features=12", "data.importance.kind=uniform", "tables=[recovery]", "train.steps=500"]


def sparse(n, active, size, seed=1):
    """Inputs (n, size) of so many active features with values in [0.1, 1]."""
    x, rng = np.zeros((n, size), np.float32), np.random.default_rng(seed)
    for column in x.T:
        column[rng.choice(n, active, replace=False)] = rng.uniform(0.1, 1, active)
    return jnp.asarray(x)


def gaussian(m, n):
    return jnp.asarray(np.random.default_rng(0).normal(size=(m, n)) / m**0.5, jnp.float32)


@pytest.mark.parametrize("m", [2, 5, 12])
def test_one_feature_is_found_by_pursuit_whatever_w_without_parallel_columns(m):
    w, x = gaussian(m, 20), sparse(20, 1, 200)
    w = w / jnp.linalg.norm(w, axis=0)[None, :] * jnp.linspace(0.2, 1, 20)[None, :]  # of unequal lengths
    np.testing.assert_allclose(recovery.matching_pursuit(w, w @ x), x, atol=1e-4)


def test_all_decoders_are_exact_for_an_orthogonal_w():
    w, x = jnp.asarray(ortho_group.rvs(8, random_state=0), jnp.float32), sparse(8, 3, 100)
    a, c = recovery.least_squares(np.asarray(w), np.full(8, 0.3), np.full(8, 0.2))
    by_relu = recovery.relu(w.T @ (w @ x), jnp.ones(8), jnp.zeros(8))
    for estimate in (by_relu, a @ (w @ x) + c[:, None], recovery.matching_pursuit(w, w @ x)):
        np.testing.assert_allclose(estimate, x, atol=1e-4)
    np.testing.assert_allclose(recovery.l1(w, w @ x), x, atol=2e-3)  # a penalty of a thousandth


def test_pursuit_has_the_least_squares_over_the_features_it_chose():
    w, x = gaussian(8, 16), sparse(16, 3, 50)
    estimates = np.asarray(recovery.matching_pursuit(w, w @ x))
    exact = 0
    for estimate, true in zip(estimates.T, np.asarray(x).T, strict=True):
        if set(np.flatnonzero(estimate > 1e-4)) == set(np.flatnonzero(true)):
            exact += 1
            np.testing.assert_allclose(estimate, true, atol=1e-3)
    assert exact > 15


def test_l1_minimises_what_linear_programming_does():
    """Basis pursuit min Σ x, Wx = h, x ≥ 0, within what the penalty leaves; several features that are not all recovered."""
    w, x = gaussian(10, 24), sparse(24, 5, 25)
    h = np.asarray(w @ x)
    estimates = np.asarray(recovery.l1(w, jnp.asarray(h)))
    assert estimates.min() >= 0
    gap = []
    for k in range(25):
        least = linprog(np.ones(24), A_eq=np.asarray(w), b_eq=h[:, k]).fun
        penalty = 1e-3 * (np.asarray(w).T @ h[:, k]).max()

        rest = h[:, k] - np.asarray(w, np.float64) @ estimates[:, k]
        objective = 0.5 * rest @ rest + penalty * estimates[:, k].sum()
        # The optimum of the penalised problem lies below that of the constrained one, and its Σ x does too.
        assert objective <= penalty * least * (1 + 1e-3)
        assert estimates[:, k].sum() <= least * (1 + 1e-3)
        # It is not below its dual's at any θ with Wᵀθ ≤ λ: what is left of h, scaled, certifies the optimum.
        theta = rest * min(1, penalty / (np.asarray(w).T @ rest).max())
        gap.append((objective - (theta @ h[:, k] - 0.5 * theta @ theta)) / objective)
    assert np.median(gap) < 1e-3
    assert max(gap) < 2e-2


def test_the_best_linear_decoder_is_that_of_least_squares_on_a_large_sample():
    """A and intercept by numpy's lstsq on 400,000 inputs of differing densities: the same error on other inputs."""
    p, w, size = np.linspace(0.05, 0.6, 8)[:, None], gaussian(4, 8), 400_000
    rng = np.random.default_rng(1)
    x = (rng.random((8, 2 * size)) < p) * rng.random((8, 2 * size))
    h = np.asarray(w) @ x
    ones = np.ones((1, 2 * size))
    fitted = np.linalg.lstsq(np.concatenate([h, ones])[:, :size].T, x[:, :size].T)[0].T @ np.concatenate([h, ones])[:, size:]
    mean, variance = p[:, 0] / 2, p[:, 0] / 3 - p[:, 0] ** 2 / 4
    a, c = recovery.least_squares(np.asarray(w), mean, variance)
    ours = a @ h[:, size:] + c[:, None]
    np.testing.assert_allclose(ours, fitted, atol=0.02)
    errors = [np.mean(np.sum((x[:, size:] - estimate) ** 2, axis=0)) for estimate in (fitted, ours)]
    np.testing.assert_allclose(errors[1], errors[0], rtol=1e-3)


def test_a_fitted_relu_layer_reads_an_antipodal_pair():
    """Two features in one dimension, antipodal: gain 1 and bias 0 where both are rarely on."""
    w, x = jnp.asarray([[1.0, -1.0]]), sparse(2, 1, 500)
    batch = Batch(x, jnp.full(500, 1 / 500))
    gain, b = recovery.fit_relu(w, batch)
    error = recovery.error(x, recovery.relu(w.T @ (w @ x), gain, b), batch.weight, jnp.ones(2))
    assert float(error) < 1e-4
    assert np.all(np.isfinite(recovery.fit_relu(jnp.zeros((2, 2)), batch)[0]))


@pytest.mark.parametrize("density", [0.3, 0.05])
def test_a_fitted_layer_is_as_good_as_a_trained_one(density):
    """On the trained model's own W, within 3 % on other inputs: so the layers of other W are compared fairly."""
    model = superposition_jax.run([*GIVEN[:2], "model.n_hidden=4", f"data.density={density}"])
    w, b = (jnp.asarray(model[name].values, jnp.float32) for name in ("W", "b"))
    rng = np.random.default_rng(0)
    fitted, other = ((rng.random((12, 20_000)) < density) * rng.random((12, 20_000)) for _ in range(2))
    weight, x = jnp.full(20_000, 1 / 20_000), jnp.asarray(other, jnp.float32)
    layers = recovery.fit_relu(w, Batch(jnp.asarray(fitted, jnp.float32), weight)), (jnp.ones(12), b)
    errors = [float(recovery.error(x, recovery.relu(w.T @ (w @ x), *layer), weight, jnp.ones(12))) for layer in layers]
    assert errors[0] < 1.03 * errors[1]


@pytest.mark.parametrize("decoder", [recovery.l1, recovery.matching_pursuit])
def test_decoders_of_many_models_call_no_lapack(decoder):
    """Calls in batches lock each other out on two cores."""
    lowered = jax.jit(jax.vmap(decoder)).lower(jnp.ones((3, 4, 8)), jnp.ones((3, 4, 5)))
    assert "lapack" not in lowered.as_text()


def test_thresholds():
    """−p log p = m/n; and Donoho & Tanner's weak threshold for x ≥ 0 at m/n = ½, k/m = 0.558."""
    p = bounds.sensed_density([0.05, 0.2, 0.4])
    np.testing.assert_allclose(-p[:2] * np.log(p[:2]), [0.05, 0.2])
    assert np.all(p[:2] < np.exp(-1))
    assert p[2] == 1
    np.testing.assert_allclose(bounds.l1_density(0.5) / 0.5, 0.558, atol=0.002)
    assert np.all(np.diff(bounds.l1_density(np.linspace(0.05, 0.95, 19))) > 0)


@pytest.mark.slow
def test_l1_recovers_below_its_threshold_and_not_above():
    n, m = 200, 100
    w, place = gaussian(m, n), float(bounds.l1_density(0.5)) * n
    share = []
    for active in (int(0.8 * place), int(1.2 * place)):
        x = sparse(n, active, 50)
        far = np.sum((np.asarray(jax.jit(recovery.l1)(w, w @ x)) - x) ** 2, axis=0) / np.sum(np.asarray(x) ** 2, axis=0)
        share.append(float((far < 1e-2).mean()))
    assert share[0] > 0.9
    assert share[1] < 0.1


@pytest.mark.slow
def test_the_table_agrees_with_the_loss():
    """The trained model's own decoder has its relative loss; errors over seeds and inputs."""
    axes = ["+sweep.axes.n_hidden={path: model.n_hidden, values: [3, 6]}", "+sweep.axes.seed={path: seed, range: 3}"]
    axes += ["+sweep.axes.density={path: data.density, values: [0.2, 0.02]}"]
    dataset = superposition_jax.run([*GIVEN, *axes])
    relu = dataset["recovery_error"].sel(recovery_matrix="trained", recovery_decoder="relu")
    np.testing.assert_allclose(relu.mean("seed"), dataset["loss_relative"].mean("seed"), rtol=0.2, atol=0.005)
    linear = dataset["recovery_error"].sel(recovery_decoder="linear", recovery_matrix="random")
    for m in (3, 6):  # of equal variances, the share of directions that W does not see
        np.testing.assert_allclose(linear.sel(n_hidden=m).mean("seed"), 1 - m / 12, atol=0.1)


@pytest.mark.slow
def test_features_are_antipodal_pairs_where_there_are_two_a_dimension():
    """n = 64, m = 32, sparse and equally important, four seeds: each has an opposite one."""
    given = ["model.n_features=64", "model.n_hidden=32", "data.importance.kind=uniform", "data.density=0.03"]
    w = superposition_jax.run([*given, "+sweep.axes.seed={path: seed, range: 4}"])["W"].values
    unit = w / np.linalg.norm(w, axis=1, keepdims=True)
    assert np.all((unit.transpose(0, 2, 1) @ unit).min(axis=2) < -0.999)
