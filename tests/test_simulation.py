"""A large network in a small one: the random network's laws, exact limits, closed forms; and what trained models reach."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import data, random
from superposition_jax.experiments.simulation import numeric as simulation
from superposition_jax.types import Batch, Spec

SPEC = Spec(n_features=12, n_hidden=4)
DENSITIES = [1.0, 0.5, 0.1, 0.01]


def test_a_network_has_the_features_densities_squares_and_importances(numbers):
    """Densities and squares in the mean over neurons and networks, within four standard errors."""
    densities, ratios = np.where(np.arange(12) % 2, 0.1, 0.03), []
    hparams = numbers(SPEC, density=densities)
    network, inputs = (jax.jit(partial(function, spec=SPEC)) for function in (simulation.network, simulation.inputs))
    for seed in range(8):
        net = network(random.key(seed), hparams)
        x, weight = inputs(random.key(100 + seed), hparams)
        a = np.maximum(net.v @ x - net.threshold[:, None], 0)
        ratios.append([((a > 0) @ weight / densities).mean(), (a**2 @ weight / (densities / 3)).mean()])
        np.testing.assert_allclose(np.sum(net.u**2, axis=0), hparams.importance, rtol=1e-5)
        np.testing.assert_array_equal((np.asarray(net.v) != 0).sum(axis=1), simulation.INPUTS)
    off = np.mean(ratios, axis=0) - 1
    assert np.all(np.abs(off) < 4 * np.std(ratios, axis=0, ddof=1) / 8**0.5), off
    assert np.all(np.abs(off) < 0.1), off


@pytest.mark.parametrize("density", DENSITIES)
def test_orthogonal_directions_simulate_exactly(density, numbers):
    """m = N: Wᵀ W = 1, and neurons are not negative, so ReLU changes nothing."""
    spec = Spec(n_features=12, n_hidden=12)
    w = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0].astype(np.float32)
    params = {"W": jnp.asarray(w), "b": jnp.zeros(12)}
    errors = jax.jit(partial(simulation.errors, spec=spec))(random.key(0), numbers(spec, density=np.full(12, density)), params)
    for name in ("error", "independent", "dedicated", "linear"):
        assert abs(float(errors[name])) < 1e-6, name
    assert abs(float(errors["density"]) / density - 1) < 0.1


@pytest.mark.parametrize("density", DENSITIES)
def test_without_superposition_the_error_is_its_closed_form(density, numbers):
    """Independent neurons: Σ I_i Var a_i of those that are not kept. Within four standard errors of 16 estimates."""
    hparams = numbers(SPEC, density=np.full(12, density))
    terms = np.asarray(hparams.importance) * (density / 3 - density**2 / 4)
    u = jax.jit(partial(simulation.network, spec=SPEC))(random.key(0), hparams).u
    dedicated = jax.jit(lambda spread: simulation.dedicated(u, spread, 4))
    draw = data.sampler(hparams, spec=SPEC)
    spreads = jax.jit(jax.vmap(lambda seed: simulation.covariance(draw(random.key(seed)))))(jnp.arange(16))
    estimates = np.array([dedicated(spread) for spread in np.asarray(spreads)])
    assert abs(estimates.mean() - terms[4:].sum()) < 4 * estimates.std(ddof=1) / 4
    spread = np.diag(terms / np.asarray(hparams.importance))
    np.testing.assert_allclose(dedicated(spread), terms[4:].sum(), rtol=1e-5)


def test_errors_are_those_of_their_definitions():
    """Against NumPy, for neurons that depend on each other: m kept and the others' mean; the least rank-m error of y."""
    rng = np.random.default_rng(0)
    a, u = np.maximum(rng.normal(size=(6, 6)) @ rng.normal(size=(6, 500)), 0), rng.normal(size=(6, 6))
    weight = rng.random(500)
    weight /= weight.sum()
    batch = Batch(jnp.asarray(a, jnp.float32), jnp.asarray(weight, jnp.float32))
    spread, u32 = simulation.covariance(batch), jnp.asarray(u, jnp.float32)
    centred = (a - (a @ weight)[:, None]) * np.sqrt(weight)
    np.testing.assert_allclose(simulation.variance(u32, spread), np.sum((u @ centred) ** 2), rtol=1e-5)
    kept = np.argsort(-np.sum(u**2, axis=0) * np.sum(centred**2, axis=1))[:2]
    others = np.where(np.isin(np.arange(6), kept)[:, None], 0, centred)
    np.testing.assert_allclose(simulation.dedicated(u32, spread, 2), np.sum((u @ others) ** 2), rtol=1e-5)
    values = np.linalg.svd(u @ centred, compute_uv=False) ** 2
    np.testing.assert_allclose(simulation.linear(u32, spread, 2), values[2:].sum(), rtol=1e-4)


def test_neurons_with_an_input_each_are_as_in_training(numbers):
    """A uniform variable above a threshold is uniform again: then the mismatch costs nothing. Within four standard errors."""
    hparams = numbers(SPEC, density=np.full(12, 0.1))
    rng = np.random.default_rng(0)
    params = {"W": jnp.asarray(rng.normal(size=(4, 12)), jnp.float32) / 2, "b": jnp.full(12, -0.1)}
    u = simulation.network(random.key(0), hparams, spec=SPEC).u
    draw = data.sampler(hparams, spec=SPEC)

    def both(seed):
        x, weight = simulation.inputs(random.key(seed), hparams, spec=SPEC)  # twice as often as neurons, so ½ is the threshold
        neurons, given = Batch(2 * jax.nn.relu(x - 0.5), weight), draw(random.key(100 + seed))
        return jnp.stack([simulation.simulated(params, u, batch, spec=SPEC) for batch in (neurons, given)])

    difference = np.diff(jax.jit(jax.vmap(both))(jnp.arange(32)), axis=1)
    assert abs(difference.mean()) < 4 * difference.std(ddof=1) / 32**0.5


@pytest.mark.slow
def test_sparse_networks_are_simulated_better_than_without_superposition():
    """Means of seeds differ by four standard errors; neurons that share inputs cost the more, the sparser they are."""
    dataset = superposition_jax.run(["experiment=simulation", "figures=[]", "sweep.axes.width.values=[20, 40]"])
    gain = np.log(dataset["simulation_dedicated"] / dataset["simulation_error"])
    lead = gain.mean("seed") / (gain.std("seed", ddof=1) / 2)
    assert np.all(lead.sel(density=[0.1, 0.03, 0.01]) > 4)
    assert np.all(gain.sel(density=1.0).mean("seed") < 0)
    assert np.all(np.diff(dataset["simulation_independent"].mean("seed"), axis=1) < 0)
    mismatch = np.log(dataset["simulation_error"] / dataset["simulation_independent"]).mean("seed")
    assert np.all(mismatch.sel(density=0.003) > mismatch.sel(density=0.03))
    assert np.all(mismatch.sel(density=0.03) > 0)
