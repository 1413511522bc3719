"""Targets against their definitions, their moments against samples, and models that learn them."""

import jax
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import targets
from superposition_jax.types import Spec

DEFINITIONS = {
    "identity": lambda x: x,
    "abs": np.abs,
    "square": np.square,
    "max": lambda x: np.maximum(x, np.roll(x, -1, axis=0)),
}


@pytest.mark.parametrize("kind", targets.TARGETS)
def test_a_target_is_its_definition(kind):
    x = jax.random.normal(jax.random.key(0), (5, 40))
    np.testing.assert_allclose(targets.target(x, spec=Spec(5, 2, target=kind)), DEFINITIONS[kind](np.asarray(x)), rtol=1e-6)


@pytest.mark.parametrize("law", ["uniform", "signed", "exponential", "power", "binary"])
@pytest.mark.parametrize("kind", targets.TARGETS)
def test_moments_are_those_of_samples(kind, law, numbers, sample):
    """Within four standard errors and the rule's error at kinks."""
    spec = Spec(4, 2, target=kind, law=law, estimator="iid", batch_size=2**18)
    hparams = numbers(spec, density=np.array([1.0, 0.6, 0.3, 0.1]))
    y = np.asarray(targets.target(sample(hparams, jax.random.key(1), spec=spec).x, spec=spec))
    for expected, power in zip(targets.moments(hparams, spec=spec), (y, y * y), strict=True):
        error = 4 * power.std(axis=1) / 2**9 + 2e-3 * np.abs(expected) + 1e-7
        assert np.all(np.abs(expected - power.mean(axis=1)) < error)


@pytest.mark.parametrize("target", ["abs", "square"])
def test_an_untied_model_learns_a_function_of_each_feature_with_two_neurons_for_it(target):
    """|x| = ReLU(x) + ReLU(−x), exactly; x² nearly. The constant predictor has a relative loss of 1."""
    overrides = ["model=untied", f"target={target}", "model.n_features=3", "model.n_hidden=6", "data.sparsity=0.9"]
    dataset = superposition_jax.run([*overrides, "train.steps=3000", "+sweep.axes.seed={path: seed, range: 16}"])
    best = float(dataset["loss_relative"].min())
    assert best < {"abs": 1e-3, "square": 0.1}[target]


def test_results_are_in_the_standard_gauge_and_compute_the_same():
    dataset = superposition_jax.run(["model=untied", "target=abs", "model.n_features=6", "model.n_hidden=4", "train.snapshots=3"])
    np.testing.assert_allclose(np.abs(dataset["W_in"]).max("feature"), 1, rtol=1e-6)
    last = dataset.isel(snapshot=-1)
    for name in ("W_in", "W_out", "b"):
        np.testing.assert_allclose(last[f"{name}_snapshots"], dataset[name], rtol=1e-5, atol=1e-6)
    w_in, w_out, b = (dataset[name].values for name in ("W_in", "W_out", "b"))
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (6, 200_000)) * (rng.random((6, 200_000)) < 1)
    error = (np.abs(x) - np.maximum(w_out.T @ np.maximum(w_in @ x, 0) + b[:, None], 0)) ** 2
    each = 0.7 ** np.arange(6) @ error
    assert abs(float(dataset["loss"]) - each.mean()) < 4 * each.std() / 200_000**0.5 + 4 * float(dataset["loss_stderr"])


def test_architectures_as_an_axis_share_a_dataset():
    kinds = "+sweep.axes.kind={path: model.kind, values: [tied, untied]}"
    dataset = superposition_jax.run(["model.n_features=4", "model.n_hidden=3", "train.steps=50", kinds])
    assert np.isfinite(dataset["W"].sel(kind="tied")).all()
    assert np.isnan(dataset["W"].sel(kind="untied")).all()
    assert np.isfinite(dataset["W_out"].sel(kind="untied")).all()
    assert np.isfinite(dataset["loss"]).all()
