"""Measures of hidden activations against closed forms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from superposition_jax.core import model
from superposition_jax.experiments.hierarchy import numeric as representation
from superposition_jax.types import Batch, Spec

N, M = 6, 4
DESCRIBE = jax.jit(representation.describe, static_argnames="spec")


def describe(numbers, params, p=0.3, **fields):
    spec = Spec(N, M, **fields)
    measures = DESCRIBE(jnp.uint32(3), numbers(spec, density=np.full(N, p)), params, spec=spec)
    return {name: np.asarray(value) for name, value in measures.items()}


@pytest.fixture
def params():
    return {"W": jax.random.normal(jax.random.key(0), (M, N)), "b": jnp.zeros(N)}


@pytest.mark.parametrize("p", [1.0, 0.3, 0.001])
def test_a_linear_hidden_layer_is_linear_in_every_basis(numbers, params, p):
    measures = describe(numbers, params, p)
    np.testing.assert_allclose(measures["linear_share"], 1, atol=1e-4)
    np.testing.assert_allclose(measures["interaction_share"], 0, atol=1e-5)
    np.testing.assert_allclose(*measures["basis_loss"], rtol=1e-5)
    assert abs(np.subtract(*measures["aligned"])) > 1e-3


@pytest.mark.parametrize("p", [1.0, 0.3])
def test_a_hidden_relu_is_not_where_weights_are_negative_and_sees_rotations(numbers, params, p):
    measures = describe(numbers, params, p, hidden_activation="relu")
    assert np.all(measures["linear_share"] < 0.99)
    assert np.all(measures["interaction_share"] > 0.01)
    assert np.all(measures["linear_share"] + measures["interaction_share"] < 1.02)
    assert abs(np.subtract(*np.log(measures["basis_loss"]))) > 0.01
    positive = describe(numbers, params | {"W": jnp.abs(params["W"])}, p, hidden_activation="relu")
    np.testing.assert_allclose(positive["linear_share"][0], 1, atol=1e-4)


@pytest.mark.parametrize("p", [1.0, 0.3, 0.01])
def test_half_of_a_signed_feature_is_decomposable_but_not_linear(numbers, p):
    """h = ReLU(±x) of U[−1, 1]: R² = Cov(h, x)²/(Var x Var h) = 1/(2 − 3p/4)."""
    w = jnp.eye(M, N) * jnp.array([1.0, -1.0] * 3)[None, :]
    measures = describe(numbers, {"W": w, "b": jnp.zeros(N)}, p, hidden_activation="relu", law="signed")
    np.testing.assert_allclose(measures["linear_share"][0], 1 / (2 - 0.75 * p), rtol=0.03)
    np.testing.assert_allclose(measures["interaction_share"][0], 0, atol=1e-4)


def test_interactions_of_two_bits_have_their_closed_form(numbers, sample):
    """h = ReLU(x_0 − x_1) = x_0 (1 − x_1): Var h = pq (1 − pq), of which q²·pq and p²·pq are single features'."""
    p = 0.4
    spec = Spec(N, 1, hidden_activation="relu", law="binary", batch_size=2**16, estimator="iid")
    hparams = numbers(spec, density=np.full(N, p))
    batch, other = (sample(hparams, jax.random.key(k), spec=spec) for k in (1, 2))
    params = {"W": jnp.zeros((1, N)).at[0, :2].set(jnp.array([1.0, -1.0])), "b": jnp.zeros(N)}
    hidden = partial(model.forward, params, spec=spec)
    variances, rest = jax.jit(partial(representation.first_order, lambda x: hidden(x)[0]))(batch, other.x)
    q = 1 - p
    np.testing.assert_allclose(variances[0, :3], [p * q**3, q * p**3, 0], atol=4 / 2**8 * p * q)
    np.testing.assert_allclose(rest, (p * q) ** 2, atol=4 / 2**8 * p * q)


def test_neurons_of_one_feature_know_its_activity_and_shared_ones_less(numbers, sample):
    spec = Spec(N, M, batch_size=2**14)
    batch = sample(numbers(spec, density=np.full(N, 0.3)), jax.random.key(1), spec=spec)
    p = ((np.asarray(batch.x) != 0) @ np.asarray(batch.weight))[:M]
    bits = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    information, share = jax.jit(representation.information), jax.jit(representation.information_share)
    np.testing.assert_allclose(np.diagonal(information(batch.x[:M], batch)), bits, rtol=1e-4)
    np.testing.assert_allclose(share(batch.x[:M], batch), 1, rtol=1e-4)
    both = batch.x[:1] + batch.x[1:2]
    assert np.all(information(both, batch)[0, :2] < 0.7 * bits[:2])
    assert share(both, batch)[0] < 0.7
    silent = information(jnp.zeros((1, 2**14)), batch)
    np.testing.assert_allclose(silent, 0, atol=1e-5)
    always = Batch(jnp.ones((N, 8)), jnp.full(8, 1 / 8))
    assert np.isnan(share(always.x[:M], always)).all()
    always = Batch(batch.x.at[0].set(1.0), batch.weight)
    np.testing.assert_allclose(share(always.x[1:M], always), 1, rtol=1e-4)


def test_one_neuron_a_feature_is_beyond_all_rotations(numbers):
    measures = describe(numbers, {"W": jnp.eye(M, N), "b": jnp.zeros(N)})
    assert measures["aligned"][0] == 1 == measures["less_aligned_rotations"][0]
    assert measures["aligned_z"][0] > 3 > abs(measures["aligned_z"][1])
    np.testing.assert_allclose(measures["neuron_features"][0], 1, atol=0.05)
    assert np.all(measures["neuron_features"][1] > 1.2)
