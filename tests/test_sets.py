"""Correlated and anticorrelated features: the law against NumPy, and all estimators against one another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import data, objective, random, sets
from superposition_jax.types import Spec

SIGMA = 5
CASES = {"correlated": ([0.3, 0.3, 0.05, 0.05], (2, 2)), "correlated, unequal": ([0.3, 0.1, 0.2, 0.6], (3, 1))}
CASES |= {"anticorrelated": ([0.3, 0.3, 0.05, 0.6], (2, 2)), "anticorrelated, always on": ([0.3, 0.7, 0.5, 0.5], (2, 2))}
CASES |= {"correlated, always on": ([1.0, 1.0, 0.2, 0.2], (2, 2))}


def numpy_masks(kind, density, sizes, count, rng):
    """Draws of which features are on, set by set, by the words of the module's docstring."""
    density, on, end = np.array(density), [], 0
    for size in sizes:
        p, end = density[end : end + size], end + size
        u = rng.random(count)
        if kind == "correlated":
            on += [u <= one for one in p]
        else:
            on += [(u > low) & (u <= low + one) for low, one in zip(np.cumsum(p) - p, p, strict=True)]
    return np.array(on)


@pytest.mark.parametrize("estimator", ["iid", "active"])
@pytest.mark.parametrize("case", CASES)
def test_features_are_on_together_as_they_should(case, estimator, numbers):
    density, sizes = CASES[case]
    kind = case.partition(",")[0]
    spec = Spec(n_features=4, n_hidden=1, correlation=kind, set_sizes=sizes, estimator=estimator, batch_size=64)
    sample = data.sampler(numbers(spec, density=density), spec=spec)

    def chances(key):
        x, weight = sample(key)
        code = ((x > 0) * np.array([[1], [2], [4], [8]])).sum(axis=0)
        return (weight[None, :] * (code[None, :] == np.arange(16)[:, None])).sum(axis=1)

    keys = jax.random.split(random.key(1), 2000)
    shares = np.asarray(jax.jit(lambda keys: jax.lax.map(chances, keys, batch_size=200))(keys))
    mean, stderr = shares.mean(axis=0), shares.std(axis=0) / 2000**0.5
    masks = numpy_masks(kind, density, sizes, 400_000, np.random.default_rng(0))
    expected = np.bincount((masks * np.array([[1], [2], [4], [8]])).sum(axis=0), minlength=16) / 400_000
    error = np.hypot(stderr, (expected * (1 - expected) / 400_000) ** 0.5)
    assert np.all(np.abs(mean - expected) <= SIGMA * error + 1e-5)
    masks = (np.arange(16)[None, :] >> np.arange(4)[:, None]) % 2 > 0
    exact = jax.jit(lambda density: sets.mask_chance(density, masks, spec))(jnp.array(density))
    np.testing.assert_allclose(exact, expected, atol=SIGMA * 0.5 / 400_000**0.5)


@pytest.mark.parametrize("case", CASES)
def test_estimators_agree_on_a_models_loss(case, numbers):
    density, sizes = CASES[case]
    here = {"n_features": 4, "n_hidden": 2, "correlation": case.partition(",")[0], "set_sizes": sizes}
    rng = np.random.default_rng(0)
    params = {"W": jnp.asarray(rng.normal(size=(2, 4)), jnp.float32), "b": jnp.array([0.1, -0.1, 0.2, 0.0])}

    def losses(count, **more):
        spec = Spec(**here, **more)
        hparams = numbers(spec, density=density)
        sample = data.sampler(hparams, spec=spec)
        one = jax.jit(lambda keys: jax.lax.map(lambda key: objective.loss(hparams, params, sample(key), spec=spec), keys))
        estimates = np.asarray(one(jax.random.split(random.key(0), count)))
        return estimates.mean(), estimates.std() / count**0.5

    exact, _ = losses(2, estimator="quadrature", order=14)
    for estimator in ("iid", "active"):
        mean, stderr = losses(3000, estimator=estimator, batch_size=64)
        assert abs(mean - exact) < SIGMA * stderr + 1e-3 * exact


def test_values_in_a_correlated_set_are_independent(numbers, sample):
    spec = Spec(n_features=3, n_hidden=1, correlation="correlated", set_sizes=(3,), estimator="active", batch_size=2**14)
    x = np.asarray(sample(numbers(spec, density=[0.2] * 3), random.key(0), spec=spec).x)
    on = x[:, (x > 0).all(axis=0)]
    assert on.shape[1] > 2**13
    assert np.all(np.abs(np.corrcoef(on) - np.eye(3)) < 0.05)
    np.testing.assert_allclose(on.mean(axis=1), 0.5, atol=0.01)


def test_sets_of_one_are_independent_features(numbers, sample):
    alone = Spec(n_features=3, n_hidden=2, batch_size=16, steps=30)
    ones = Spec(n_features=3, n_hidden=2, batch_size=16, steps=30, correlation="correlated", set_sizes=(1, 1, 1))
    batches = [sample(numbers(spec, density=[0.2, 0.5, 0.9]), random.key(3), spec=spec) for spec in (alone, ones)]
    np.testing.assert_array_equal(batches[0].x, batches[1].x)


@pytest.mark.slow
def test_a_sweep_over_kinds_of_sets():
    axis = "+sweep.axes.kind={path: data.sets.kind, values: [independent, correlated, anticorrelated]}"
    here = ["model.n_features=4", "model.n_hidden=2", "data.sets.sizes=2", "data.density=0.1", "train.steps=50", axis]
    assert superposition_jax.run(here)["loss"].sizes == {"kind": 3}
