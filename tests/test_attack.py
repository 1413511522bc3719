"""The analytic attack: of the allowed length, about as bad as any along rows of WᵀW, and worse than a gradient step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import objective
from superposition_jax.engine import tuning
from superposition_jax.types import Batch, Spec

SPEC = Spec(12, 4, batch_size=512)
PERTURB = jax.jit(partial(objective.attacked, spec=SPEC))
SMALL = ["model.n_features=12", "model.n_hidden=4", "data.importance.kind=uniform", "data.density=0.05"]


@pytest.fixture(scope="module")
def trained():
    """Numbers, parameters and a batch of a model with superposition."""
    return superposition_jax.run(SMALL)


@pytest.fixture
def setting(trained, numbers, sample):
    hparams = numbers(SPEC, density=np.full(12, 0.05), importance=np.ones(12))
    params = {name: jnp.asarray(trained[name].values) for name in ("W", "b")}
    return hparams, params, sample(hparams, jax.random.key(0), spec=SPEC)


def cost(params, hparams, batch, x):
    """Weighted squared error of every input."""
    output = np.maximum(params["W"].T @ params["W"] @ x + params["b"][:, None], 0)
    return np.asarray(hparams.importance @ (batch.x - output) ** 2)


def test_every_step_is_as_long_as_allowed(setting):
    hparams, params, batch = setting
    step = PERTURB(hparams, params, batch) - batch.x
    length = 0.1 * (np.asarray(batch.weight) @ np.linalg.norm(batch.x, axis=0))
    np.testing.assert_allclose(np.linalg.norm(step, axis=0), length, rtol=1e-4)


def test_a_batch_in_slices_is_attacked_as_a_whole():
    """Whether the platform would cut it or not."""
    assert tuning.slices(Spec(12, 4, batch_size=1024, estimator="iid"), "cpu") > 1
    assert tuning.slices(Spec(12, 4, batch_size=1024, estimator="iid", adversarial=True), "cpu") == 1


def test_it_is_nearly_the_worst_of_all_rows_and_signs(setting):
    hparams, params, batch = setting
    gram = np.asarray(params["W"].T @ params["W"])
    length = float(objective.attack_radius(hparams, params, batch, spec=SPEC))
    unit = gram / np.linalg.norm(gram, axis=0)
    every = [cost(params, hparams, batch, batch.x + s * length * unit[:, [i]]) for i in range(12) for s in (1, -1)]
    worst = np.max(every, axis=0) @ batch.weight
    ours = cost(params, hparams, batch, PERTURB(hparams, params, batch)) @ batch.weight
    clean = cost(params, hparams, batch, batch.x) @ batch.weight
    assert worst >= ours > clean
    assert (ours - clean) / (worst - clean) > 0.8


def test_it_beats_a_gradient_step_of_the_same_length_which_cannot_leave_the_empty_input(setting):
    hparams, params, batch = setting
    loss, attacked_loss = (jax.jit(partial(term, spec=SPEC)) for term in (objective.loss, objective.attacked_loss))
    clean = loss(hparams, params, batch)
    grad = jax.grad(lambda x: loss(hparams, params, Batch(x, jnp.ones(512))))(batch.x)
    radius = objective.attack_radius(hparams, params, batch, spec=SPEC)
    step = radius * grad / jnp.maximum(jnp.linalg.norm(grad, axis=0, keepdims=True), 1e-12)
    by_gradient = cost(params, hparams, batch, batch.x + step) @ batch.weight
    by_rows = attacked_loss(hparams, params, batch)
    assert by_rows > by_gradient > clean
    empty = np.asarray((batch.x == 0).all(axis=0))
    assert np.all(params["b"] < 0)  # so that no gradient leads away from the empty input
    np.testing.assert_array_equal(cost(params, hparams, batch, batch.x + step)[empty], 0)
    assert np.all(cost(params, hparams, batch, PERTURB(hparams, params, batch))[empty] >= 0)


@pytest.mark.slow
def test_adversarial_training_withstands_the_attack_and_superposes_less():
    """Over eight seeds, all differences by more than four standard errors."""
    given = [*SMALL, "attack.size=1.0", "measures=[attacked_loss, attack_radius, hidden_l1]"]
    axes = ["+sweep.axes.adversarial={path: train.adversarial, values: [false, true]}", "+sweep.axes.seed={path: seed, range: 8}"]
    dataset = superposition_jax.run([*given, *axes])
    plain, trained = dataset.sel(adversarial=False), dataset.sel(adversarial=True)
    for name, sign in (("attacked_loss", -1), ("loss", 1), ("dims_per_feature", 1)):
        difference = sign * (trained[name] - plain[name])
        assert difference.mean() > 4 * difference.std(ddof=1) / 8**0.5
    np.testing.assert_allclose(dataset["attack_radius"], dataset["attack_radius"][0, 0], rtol=1e-5)
    assert np.all(dataset["hidden_l1"] > 0)


def test_l1_makes_hidden_activations_smaller_and_its_weight_is_an_axis():
    overrides = ["model.n_features=12", "model.n_hidden=4", "data.density=0.1", "train.penalty.kind=l1", "measures=[hidden_l1]"]
    axes = ["+sweep.axes.l1={path: train.penalty.weight, values: [0.0, 0.01, 0.1]}", "+sweep.axes.seed={path: seed, range: 4}"]
    dataset = superposition_jax.run([*overrides, *axes]).mean("seed")
    assert np.all(np.diff(dataset["hidden_l1"]) < 0)
    assert np.all(np.diff(dataset["loss"]) > 0)
    plain = superposition_jax.run([*overrides[:3], *axes[1:]])
    np.testing.assert_allclose(plain["loss"].mean(), dataset["loss"].sel(l1=0), rtol=1e-3)
