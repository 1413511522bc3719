"""Sparse autoencoders against limits that are known: exact codes, chance, definitions; and what they find in trained models."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import data, random
from superposition_jax.engine import population
from superposition_jax.experiments.autoencoder import numeric as dictionary
from superposition_jax.experiments.autoencoder.numeric import Setting
from superposition_jax.types import Spec

SPEC = Spec(n_features=6, n_hidden=3)
ONE = replace(SPEC, correlation="anticorrelated", set_sizes=(6,))  # always one feature at a time
ALL = Setting(jnp.asarray(6.0), jnp.asarray(0.0), jnp.asarray(0.0))


def some_directions(m, n, seed=0):
    w = np.random.default_rng(seed).normal(size=(m, n)).astype(np.float32)
    return w / np.linalg.norm(w, axis=0)


def one_at_a_time(numbers, w):
    """Inputs with exactly one active feature."""
    draw = data.sampler(numbers(ONE, density=np.full(6, 1 / 6)), spec=replace(ONE, batch_size=256))

    def sample(key):
        batch = draw(key)
        return w @ batch.x, batch.weight

    return sample


def test_the_truth_scores_one_in_any_order():
    truth = some_directions(4, 9)
    for latents in (truth, truth[:, ::-1], np.hstack([truth, truth])):
        np.testing.assert_allclose(dictionary.recovery(truth, latents), 1, atol=1e-6)
    of_features, of_latents, matched = dictionary.recovery(truth, truth[:, :3])
    assert of_features < 1
    np.testing.assert_allclose((of_latents, matched), (1, 3 / 9), atol=1e-6)
    assert np.isnan(dictionary.recovery(truth, truth[:, :0])).all()


@pytest.mark.parametrize(("hidden", "latents"), [(2, 3), (5, 20), (20, 40)])
def test_chance_is_what_random_dictionaries_score(hidden, latents):
    truth = some_directions(hidden, 50)
    scores = [dictionary.recovery(truth, some_directions(hidden, latents, seed))[0] for seed in range(1, 101)]
    error = np.std(scores, ddof=1) / 10
    assert abs(np.mean(scores) - dictionary.chance(hidden, latents)) < 4 * error


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_greatest_latents_are_kept(k):
    a = np.maximum(np.random.default_rng(0).normal(size=(7, 50)), 0).astype(np.float32)
    is_kept = np.asarray(dictionary._greatest(jnp.asarray(a), jnp.asarray(float(k)))) & (a > 0)
    np.testing.assert_array_equal(is_kept, (np.sort(a, axis=0)[::-1][k - 1] <= a) & (a > 0))
    assert np.asarray(dictionary._greatest(jnp.asarray(a), jnp.asarray(0.0))).all()


def test_top_one_with_the_true_directions_is_exact_for_one_feature_at_a_time(numbers):
    """Distinct directions have a greatest cosine with themselves, so that latent is kept, and its value is x_i‖W_i‖."""
    w = some_directions(3, 6) * np.array([0.3, 1, 2, 0.5, 1, 1], np.float32)
    unit = w / np.linalg.norm(w, axis=0)
    sae = {"E": jnp.asarray(unit), "D": jnp.asarray(5 * w), "e": jnp.zeros(6), "c": jnp.zeros(3)}
    sample, setting = one_at_a_time(numbers, w), ALL._replace(k=jnp.asarray(1.0))
    measures = jax.jit(lambda sae: dictionary.evaluate(sae, sample, setting))(sae)
    np.testing.assert_allclose(measures["explained"], 1, atol=1e-6)
    np.testing.assert_allclose(measures["on"], 1, atol=1e-6)
    np.testing.assert_allclose(measures["decoder"], unit, atol=1e-6)
    assert int(measures["latents"]) == 6
    assert abs(float(measures["dead"])) < 1e-6


@pytest.mark.slow
def test_top_one_finds_features_that_are_active_one_at_a_time(numbers):
    """The seed that explains most finds them all; in others a latent may stand for two features."""
    w, setting = some_directions(3, 6), Setting(jnp.asarray(12.0), jnp.asarray(1.0), jnp.asarray(0.0))

    def evaluated(seed):
        sample = one_at_a_time(numbers, w)
        return dictionary.evaluate(dictionary.learn(random.key(seed), sample, setting, shape=(3, 14)), sample, setting)

    measures = population.over_models(evaluated, np.arange(4))
    best = int(measures["explained"].argmax())
    alive = measures["alive"][best]
    assert measures["explained"][best] > 0.999
    np.testing.assert_allclose(dictionary.recovery(w, measures["decoder"][best][:, alive]), 1, atol=1e-3)
    assert not measures["alive"][:, 12:].any()  # beyond the size


def test_explained_variance_is_zero_for_the_mean_and_one_for_the_input(numbers):
    sample = one_at_a_time(numbers, some_directions(3, 6))
    evaluate = jax.jit(lambda sae: dictionary.evaluate(sae, sample, ALL))
    h, weight = jax.jit(lambda: sample(dictionary._evaluation()))()
    pairs = np.hstack([np.eye(3), -np.eye(3)]).astype(np.float32)
    sae = {"E": jnp.asarray(pairs), "D": jnp.asarray(pairs), "e": jnp.zeros(6), "c": h @ weight}
    np.testing.assert_allclose(evaluate(sae)["explained"], 1, atol=1e-6)
    measures = evaluate(sae | {"e": jnp.full(6, -100.0)})
    np.testing.assert_allclose(measures["explained"], 0, atol=1e-6)
    assert (int(measures["latents"]), float(measures["dead"])) == (0, 1)


def test_latents_of_one_direction_count_once_and_dead_ones_not():
    decoder = some_directions(3, 4)[:, [0, 0, 1, 2, 3]]
    often = jnp.asarray([0.1, 0.1, 0.3, 0.2, 0.0])
    assert int(dictionary.distinct(jnp.asarray(decoder), often)) == 3


def test_activations_have_mean_zero_and_unit_variance(numbers):
    hparams, params = numbers(SPEC, density=np.full(6, 0.05)), {"W": jnp.asarray(some_directions(3, 6)), "b": jnp.zeros(6)}
    sample = jax.jit(lambda key: dictionary.activations(hparams, params, spec=SPEC, batches=1)(key))
    h, weight = (np.asarray(values) for values in jax.vmap(lambda seed: sample(random.key(seed)))(jnp.arange(64)))
    mean, variance = jax.jit(dictionary._moments)(np.hstack([*h]), weight.ravel() / 64)
    np.testing.assert_allclose(mean, 0, atol=0.05)
    np.testing.assert_allclose(variance, 1, atol=0.05)


@pytest.mark.slow
def test_autoencoders_find_sparse_features_and_not_dense_ones():
    """Means over seeds, within four standard errors: recovery beside chance, and the number of features by TopK."""
    kinds = ["ℓ₁ 0.3", "top 2"]
    dataset = superposition_jax.run(["experiment=dictionary", "figures=[]"]).sel(dictionary=2, sae=kinds).mean("sae_seed")
    cosine, chance = dataset["sae_features_found"], dataset["sae_chance"]
    assert np.all(cosine.sel(density=[0.3, 0.1, 0.03, 0.01]).mean("seed") > 0.97)
    assert np.all(cosine.sel(density=1.0) < chance.sel(density=1.0))
    excess = (dataset["sae_latents"] - dataset["represented"]).sel(sae="top 2", density=[0.1, 0.03, 0.01])
    error = excess.std("seed", ddof=1) / 2
    assert np.all(np.abs(excess.mean("seed")) < 4 * error + 0.5)
