"""Training of one model against Optax by hand, closed forms, and its own invariants."""

import itertools
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from superposition_jax.core import data, evaluation, model, objective, optimizer, random, train
from superposition_jax.types import DATA, Spec

SPEC = Spec(n_features=6, n_hidden=2, batch_size=32, steps=60, curve_points=12)


def run(key, hparams, spec, *stops):
    state = train.init_state(key, hparams, spec=spec)
    for stop in stops or (spec.steps,):
        state = jax.jit(train.train_steps, static_argnames="spec")(key, hparams, state, stop, spec=spec)
    return state


def equal(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adam", optax.adam(0.02, 0.8, 0.99, 1e-6)),
        ("adamw", optax.adamw(0.02, 0.8, 0.99, 1e-6, weight_decay=0.01)),
        ("sgd", optax.chain(optax.add_decayed_weights(0.01), optax.sgd(0.02, 0.7))),
    ],
)
def test_optimizers_are_optaxs(name, reference, numbers):
    spec = replace(SPEC, optimizer=name, schedule="constant")
    hparams = numbers(spec, b1=0.8, b2=0.99, eps=1e-6, momentum=0.7, weight_decay=0.01)
    ours = optimizer.build(hparams, jnp.zeros((), jnp.int32), spec=spec)
    params = {"W": jnp.arange(6.0).reshape(2, 3) / 7, "b": jnp.array([0.1, -0.2, 0.3])}
    states, both = [t.init(params) for t in (ours, reference)], [params, params]
    for step in range(4):
        grads = jax.tree.map(lambda p: jnp.sin(5 * p + step), params)  # noqa: B023
        for k, transform in enumerate((ours, reference)):
            updates, states[k] = transform.update(grads, states[k], both[k])
            both[k] = optax.apply_updates(both[k], updates)
    for a, b in zip(jax.tree.leaves(both[0]), jax.tree.leaves(both[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


SHAPES = {"constant": lambda t: 1 + 0 * t, "linear": lambda t: 1 - t, "cosine": lambda t: np.cos(np.pi * t / 2) ** 2}


@pytest.mark.parametrize("schedule", SHAPES)
def test_schedules_warm_up_then_fall_to_the_final_rate(schedule, numbers):
    spec = replace(SPEC, schedule=schedule, steps=100)
    hparams = numbers(spec, learning_rate=0.3, warmup=0.2, final_rate=0.1)
    rates = np.array([optimizer.learning_rate(hparams, jnp.asarray(step), spec=spec) for step in range(0, 101, 5)])
    step = np.arange(0, 101, 5)
    after = np.clip((step / 100 - 0.2) / 0.8, 0, 1)
    np.testing.assert_allclose(rates, 0.3 * (0.1 + 0.9 * SHAPES[schedule](after)) * np.minimum((step + 1) / 20, 1), rtol=1e-4)


def test_where_a_run_is_cut_changes_no_bit(numbers):
    key, spec = jax.random.key(7), replace(SPEC, snapshots=5)
    hparams = numbers(spec)
    assert equal(run(key, hparams, spec), run(key, hparams, spec, 1, 17, 42, 60))


@pytest.mark.parametrize("estimator", ["iid", "active"])
def test_slices_change_nothing_but_rounding(estimator, numbers):
    spec = replace(SPEC, estimator=estimator, steps=20)
    key, hparams = jax.random.key(5), numbers(spec)
    state = train.init_state(key, hparams, spec=spec)
    sliced = jax.jit(partial(train.train_steps, spec=spec, slices=4))(key, hparams, state, spec.steps)
    whole = run(key, hparams, spec)
    pairs = ((sliced.params, whole.params), (sliced.history, whole.history))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *zip(*pairs, strict=True))


def test_mean_reduction_is_the_same_loss_scaled_for_the_optimizer(numbers):
    base = replace(SPEC, optimizer="sgd", schedule="constant")
    summed = run(jax.random.key(1), numbers(base, learning_rate=0.01, weight_decay=0), base)
    mean = replace(base, reduction="mean")
    scaled = run(jax.random.key(1), numbers(mean, learning_rate=0.06, weight_decay=0), mean)
    np.testing.assert_allclose(summed.params["W"], scaled.params["W"], rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(summed.history.loss_curve, scaled.history.loss_curve, rtol=2e-4)


def test_curve_holds_the_mean_loss_of_every_interval(numbers):
    key, hparams = jax.random.key(2), numbers(SPEC)
    state, losses = train.init_state(key, hparams, spec=SPEC), []
    estimator, data_key = data.ESTIMATORS[SPEC.estimator], jax.random.fold_in(key, DATA)

    @jax.jit
    def step(state):
        draws = estimator.draw(jax.random.fold_in(data_key, state.step), SPEC)
        return train.train_step(hparams, state, draws, estimator.realise(hparams, SPEC), spec=SPEC)

    for _ in range(SPEC.steps):
        state, loss = step(state)
        losses.append(float(loss))
    edges = [0, *SPEC.curve_steps]
    expected = [np.mean(losses[a:b]) for a, b in itertools.pairwise(edges)]
    np.testing.assert_allclose(run(key, hparams, SPEC).history.loss_curve, expected, rtol=1e-4)


def test_snapshots_are_the_parameters_of_their_step(numbers):
    spec, key = replace(SPEC, snapshots=6), jax.random.key(3)
    hparams = numbers(spec)
    saved = run(key, hparams, spec).history.snapshots["W"]
    assert spec.snapshot_steps[0] == 0
    assert spec.snapshot_steps[-1] == spec.steps
    np.testing.assert_array_equal(saved[0], train.init_state(key, hparams, spec=spec).params["W"])
    for place, step in enumerate(spec.snapshot_steps[1:], start=1):
        np.testing.assert_array_equal(saved[place], run(key, hparams, spec, int(step)).params["W"])


@pytest.mark.parametrize("rate", [1e30, 1e12])
def test_diverged_models_stop_at_their_last_finite_state(rate, numbers):
    """Also where only the optimizer's second moment overflows and the parameters would stand still, finite and useless."""
    hparams = numbers(SPEC, learning_rate=rate)
    state = run(jax.random.key(0), hparams, SPEC)
    assert 0 <= state.diverged_at < SPEC.steps
    assert equal(state.params, run(jax.random.key(0), hparams, SPEC, int(state.diverged_at)).params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))
    assert run(jax.random.key(0), numbers(SPEC), SPEC).diverged_at == -1


def test_features_without_importance_get_no_gradient(numbers, sample):
    hparams = numbers(SPEC, importance=[1, 1, 0, 1, 0, 1])
    params = jax.jit(partial(model.init, spec=SPEC))(jax.random.key(0), hparams)
    batch = sample(hparams, jax.random.key(1), spec=SPEC)
    grads = jax.jit(jax.grad(partial(objective.loss, spec=SPEC), argnums=1))(hparams, params, batch)
    np.testing.assert_array_equal(grads["b"][np.array([2, 4])], 0)
    assert np.all(grads["b"][np.array([0, 1, 3, 5])] != 0)


@pytest.mark.parametrize("n", [3, 12])
@pytest.mark.parametrize("density", [1.0, 0.1, 0.001])
def test_dropping_everything_costs_the_closed_form(n, density, numbers):
    """I (p/3 − p²/4) a feature, and nothing more for features that are represented alone: the paper's candidate losses."""
    spec = Spec(n_features=n, n_hidden=1)
    hparams, evaluate = numbers(spec, density=[density] * n), jax.jit(partial(evaluation.evaluate, spec=spec))
    for kept in (0, 1):
        dropped = np.arange(n) >= kept
        params = {"W": np.where(dropped, 0, np.ones((1, n), np.float32)), "b": np.where(dropped, np.float32(density / 2), 0)}
        found = evaluate(random.key(0), hparams, params)
        expected = 0.7 ** np.arange(kept, n) @ np.full(n - kept, density / 3 - density**2 / 4)
        assert abs(found["loss"] - expected) <= 4.5 * found["loss_stderr"] + 1e-4 * expected
        everything = 0.7 ** np.arange(n) @ np.full(n, density / 3 - density**2 / 4)
        np.testing.assert_allclose(found["loss_relative"], found["loss"] / everything, rtol=1e-4)


@pytest.mark.parametrize("law", ["uniform", "signed", "upper", "binary"])
def test_dead_outputs_are_those_that_no_corner_of_the_inputs_turns_on(law, numbers):
    spec = Spec(n_features=5, n_hidden=2, law=law)
    low, high = data.LAWS[law].support
    always = np.array([True, False, False, True, False])
    corners = np.array([*itertools.product(*([low, high] if on else [0, low, high] for on in always))], np.float32).T
    hparams, found = numbers(spec, density=np.where(always, 1.0, 0.2)), []
    for seed in range(8):
        params = {"W": jax.random.normal(jax.random.key(seed), (2, 5))}
        params |= {"b": 3 * jax.random.normal(jax.random.key(100 + seed), (5,)) - 2}
        dead = np.all(np.asarray(model.forward(params, jnp.asarray(corners), spec=spec)[1]) == 0, axis=1).sum()
        assert evaluation.dead_outputs(hparams, params, spec=spec) == dead
        found.append(dead)
    assert 0 < sum(found) < 40


def test_only_relu_outputs_die_and_unbounded_values_wake_them(numbers):
    params = {"W": jnp.ones((1, 2)), "b": jnp.full(2, -50.0)}
    for law, activation, dead in (("exponential", "relu", 0), ("uniform", "relu", 2), ("uniform", "gelu", 0)):
        spec = Spec(n_features=2, n_hidden=1, law=law, activation=activation)
        assert evaluation.dead_outputs(numbers(spec), params, spec=spec) == dead
