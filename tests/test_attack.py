"""Attacks: as bad as a grid over the whole ball where that is possible, never less than any of their own directions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import attack, objective, random
from superposition_jax.engine import tuning
from superposition_jax.experiments.adversarial import SCALES, numeric
from superposition_jax.types import Batch, Spec

SPEC = Spec(12, 4, batch_size=512)
SMALL = ["model.n_features=12", "model.n_hidden=4", "data.importance.kind=uniform", "data.density=0.05"]
INPUTS = 64


def cost(w, b, importance, y, x):
    """Σ_i I_i (y_i − ReLU(WᵀWx + b)_i)² of inputs (…, feature, batch)."""
    return np.einsum("i,...ib->...b", importance, (y - np.maximum(w.T @ w @ x + b[:, None], 0)) ** 2)


def ball(n, radius):
    """Points of a fine grid of the disc or the ball, (point, feature, 1)."""
    if n == 2:
        angle = 2 * np.pi * np.arange(1500) / 1500
        unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        height, turn = np.linspace(-1, 1, 5001), np.pi * (3 - 5**0.5) * np.arange(5001)
        flat = np.sqrt(1 - height**2)
        unit = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    return radius * np.concatenate([scale * unit for scale in (0.25, 0.5, 0.75, 0.9, 1.0)])[:, :, None]


@pytest.fixture
def tiny(request, numbers):
    """A random model with its numbers, a batch of sparse inputs, and a radius."""
    n, m = request.param
    generator = np.random.default_rng(10 * n + m)
    w, b, importance = generator.normal(size=(m, n)), generator.uniform(-0.2, 0.2, n), generator.uniform(0.3, 1, n)
    w /= np.linalg.norm(w, axis=0)
    x = generator.uniform(size=(n, INPUTS)) * (generator.uniform(size=(n, INPUTS)) < 0.6)
    hparams = numbers(Spec(n, m), density=np.full(n, 0.6), importance=importance)
    params = {"W": jnp.asarray(w, jnp.float32), "b": jnp.asarray(b, jnp.float32)}
    return Spec(n, m), hparams, params, jnp.asarray(x, jnp.float32), 0.3, partial(cost, w, b, importance, x)


SIZES = pytest.mark.parametrize("tiny", [(2, 1), (2, 2), (3, 1), (3, 2)], indirect=True, ids="n={0[0]} m={0[1]}".format)


@SIZES
def test_the_search_finds_what_a_fine_grid_over_the_ball_finds(tiny):
    spec, hparams, params, x, radius, error = tiny
    search = jax.jit(partial(attack.search, starts=7, steps=40, spec=spec))
    row, searched = map(np.asarray, search(random.key(0), hparams, params, x, x, radius))
    grid = np.max(
        [error(np.asarray(x) + points).max(axis=0) for points in np.array_split(ball(spec.n_features, radius), 25)], axis=0
    )
    assert np.all(searched >= row)
    np.testing.assert_allclose(searched, grid, rtol=0.02)
    assert np.mean(searched > grid * (1 - 1e-4)) > 0.95
    assert spec.n_features == 2 or np.any(searched > 1.01 * row)


@SIZES
def test_the_chosen_row_is_the_worst_of_all_rows_and_signs(tiny):
    spec, hparams, params, x, radius, error = tiny
    chosen = np.asarray(jax.jit(partial(attack.along_row, spec=spec))(hparams, params, x, x, radius))
    gram = np.asarray(params["W"].T @ params["W"])
    unit = gram / np.linalg.norm(gram, axis=0)
    by_direction = [error(x + sign * radius * unit[:, [i]]) for i in range(spec.n_features) for sign in (1, -1)]
    np.testing.assert_allclose(error(x + chosen), np.max(by_direction, axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(chosen, axis=0), radius, rtol=1e-5)


@SIZES
def test_an_ascent_stays_in_the_ball_and_above_its_start(tiny):
    spec, hparams, params, x, radius, error = tiny
    ascend, unit = jax.jit(partial(attack.ascend, steps=9, spec=spec)), np.random.default_rng(3).normal(size=x.shape)
    starts = radius * unit / np.linalg.norm(unit, axis=0), np.zeros(x.shape)
    for start in starts:
        best = np.asarray(ascend(hparams, params, x, x, radius, jnp.asarray(start, jnp.float32)))
        assert np.all(np.linalg.norm(best, axis=0) <= radius * (1 + 1e-5))
        assert np.all(error(x + best) >= error(x + start) * (1 - 1e-5))


def test_without_weights_or_inputs_an_attack_is_finite(numbers):
    hparams, x = numbers(SPEC), jnp.zeros((12, 4))
    params = {"W": jnp.zeros((4, 12)), "b": jnp.zeros(12)}
    search = jax.jit(partial(attack.search, starts=1, steps=3, spec=SPEC))
    for radius in (0.0, 0.1):
        row, searched = search(random.key(0), hparams, params, x, x, radius)
        assert np.all(np.concatenate([row, searched]) == 0)


@pytest.fixture(scope="module")
def costs():
    """What attacks cost a model of n ≤ 5 features, by the table's own function."""
    function = jax.jit(numeric.costs, static_argnames="spec")

    def costs(hparams, w, b, radius, **given):
        params = {"W": jnp.asarray(w), "b": jnp.asarray(b)}
        return function(random.key(1), hparams, params, radius, spec=Spec(w.shape[1], w.shape[0], **given))

    return costs


@pytest.mark.slow
def test_models_without_superposition_are_the_unit_of_all_costs(numbers, costs):
    """Two of three features with a dimension each, the third answered by its mean; principal components of dense features."""
    sparse = numbers(Spec(3, 2), density=np.full(3, 0.3), importance=np.array([0.5, 0.7, 0.2]))
    dense = numbers(Spec(3, 2), density=np.ones(3), importance=np.ones(3))
    rotated = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 2)))[0].T
    reached = costs(sparse, np.eye(2, 3, dtype="f"), np.float32([0, 0, 0.15]), 0.1)
    rest = (np.eye(3) - rotated.T @ rotated) @ np.full(3, 0.5)
    linear = costs(dense, np.float32(rotated), np.float32(rest), 0.1, activation="identity")
    for name in reached:
        np.testing.assert_allclose(reached[name], 1, rtol=1e-3, err_msg=name)
        np.testing.assert_allclose(linear[name], 1, rtol=1e-3, err_msg=name)


def test_a_digon_costs_what_all_attacks_on_a_line_cost(numbers, costs):
    """Of x1 − x2 all that matters is by how much an attack changes it; with a single feature on, or none, that costs 2 λ².

    The gain is 2 whatever the length of the attack. What is added to the loss is not: where both features are on, x' misses
    both by the lesser, and the first order of an attack by λ costs 2√2·min(x1, x2)·λ.
    """
    p, radius, points = 0.5, 0.1, 300
    hparams = numbers(Spec(2, 1), density=np.full(2, p), importance=np.ones(2))
    reached = costs(hparams, np.float32([[1, -1]]), np.zeros(2, "f"), radius)
    x = np.append(0, (np.arange(points) + 0.5) / points)
    weight = np.append(1 - p, np.full(points, p / points))
    first, second, weight = x[:, None], np.append(0, x[1:-1] + 0.5 / points)[None, :], weight[:, None] * weight[None, :-1]
    weight[:, 1:] *= points / (points - 1)
    h = first - second

    def error(h):
        return (first - np.maximum(h, 0)) ** 2 + (second - np.maximum(-h, 0)) ** 2

    for k, (scale, rule) in enumerate(zip(SCALES, (0.03, 0.01, 0.01), strict=True)):  # nodes are further apart than 0.01
        reach = np.sqrt(2) * scale * radius
        row = np.maximum(error(h + reach), error(h - reach))
        search = np.maximum(row, np.where(abs(h) < reach, error(0 * h), 0))  # between ends and kink the error is convex
        for name, most in (("along_row", row), ("search", search)):
            added = np.sum(weight * (most - error(h))) / (scale * radius) ** 2
            np.testing.assert_allclose(reached[name][k], added, rtol=rule, err_msg=f"{name} {scale}")
    np.testing.assert_allclose(reached["gain"], 2, rtol=1e-3)
    assert reached["search"][0] > 5 * reached["search"][1] / 2


@pytest.fixture(scope="module")
def trained():
    """Numbers, parameters and a batch of a model with superposition."""
    return superposition_jax.run(SMALL)


@pytest.fixture
def setting(trained, numbers, sample):
    hparams = numbers(SPEC, density=np.full(12, 0.05), importance=np.ones(12))
    params = {name: jnp.asarray(trained[name].values) for name in ("W", "b")}
    return hparams, params, sample(hparams, random.key(0), spec=SPEC)


def test_training_attacks_by_the_mean_norm_and_better_than_along_rows(setting):
    hparams, params, batch = setting
    moved, along_rows, clean = (
        jax.jit(partial(function, spec=SPEC))(hparams, params, batch)
        for function in (objective.attacked, objective.attacked_loss, objective.loss)
    )
    length, mean = np.linalg.norm(moved.x - batch.x, axis=0), np.asarray(batch.weight) @ np.linalg.norm(batch.x, axis=0)
    np.testing.assert_allclose(length.max(), 0.1 * mean, rtol=1e-4)
    errors = attack.errors(hparams, params, moved.x, batch.x, spec=SPEC)
    assert errors @ batch.weight > along_rows > clean


def test_its_gradient_is_that_of_the_attacked_inputs_held_fixed(setting):
    hparams, params, batch = setting
    spec = Spec(12, 4, batch_size=512, adversarial=True)
    moved = jax.jit(partial(objective.attacked, spec=spec))(hparams, params, batch)
    total = jax.jit(jax.grad(lambda params: objective.minimised(hparams, params, batch, {}, spec=spec)[0]))(params)

    def held(params):
        return attack.errors(hparams, params, moved.x, batch.x, spec=spec) @ batch.weight

    for name, slope in jax.grad(held)(params).items():
        np.testing.assert_allclose(total[name], slope, rtol=1e-3, atol=1e-6)


def test_a_batch_in_slices_is_attacked_as_a_whole():
    """Whether the platform would cut it or not."""
    assert tuning.slices(Spec(12, 4, batch_size=1024, estimator="iid"), "cpu") > 1
    assert tuning.slices(Spec(12, 4, batch_size=1024, estimator="iid", adversarial=True), "cpu") == 1


def test_it_beats_a_gradient_step_of_the_same_length_which_cannot_leave_the_empty_input(setting):
    hparams, params, batch = setting
    loss, attacked_loss = (jax.jit(partial(term, spec=SPEC)) for term in (objective.loss, objective.attacked_loss))
    clean = loss(hparams, params, batch)
    grad = jax.grad(lambda x: loss(hparams, params, Batch(x, jnp.ones(512))))(batch.x)
    radius = attack.attack_radius(hparams, params, batch, spec=SPEC)
    step = radius * grad / jnp.maximum(jnp.linalg.norm(grad, axis=0, keepdims=True), 1e-12)
    error = partial(cost, *(np.asarray(params[name]) for name in ("W", "b")), np.ones(12), np.asarray(batch.x))
    by_gradient = error(batch.x + step) @ batch.weight
    assert attacked_loss(hparams, params, batch) > by_gradient > clean
    empty = np.asarray((batch.x == 0).all(axis=0))
    assert np.all(params["b"] < 0)  # so that no gradient leads away from the empty input
    np.testing.assert_array_equal(error(batch.x + step)[empty], 0)


@pytest.mark.slow
@pytest.mark.parametrize("density", [0.56, 0.1, 0.03])
def test_ten_times_as_many_starts_of_more_steps_reach_hardly_more(numbers, sample, density):
    spec = Spec(100, 20, batch_size=256)
    model = superposition_jax.run(
        ["model.n_features=100", "model.n_hidden=20", f"data.density={density}", "data.importance.kind=uniform"]
    )
    hparams = numbers(spec, density=np.full(100, density), importance=np.ones(100))
    params = {name: jnp.asarray(model[name].values) for name in ("W", "b")}
    batch = sample(hparams, random.key(0), spec=spec)
    given = hparams, params, batch.x, batch.x, attack.attack_radius(hparams, params, batch, spec=spec)
    search = jax.jit(partial(attack.search, spec=spec), static_argnames=("starts", "steps"))
    (_, few), (_, many) = search(random.key(1), *given, starts=3, steps=40), search(random.key(2), *given, starts=31, steps=100)
    clean = attack.errors(hparams, params, batch.x, batch.x, spec=spec)
    few, many = ((most - clean) @ batch.weight for most in (few, many))
    assert 0.98 * many < few


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
