"""Expectations over outputs' own features against the whole expectation, by rules that share nothing with them but the law."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from composed import load

from superposition_jax import run
from superposition_jax.core import data, evaluation, expectation, laws, own_error, patterns, random, sets
from superposition_jax.core.few_patterns import models_last
from superposition_jax.types import Spec

SIGMA = 5
SETS = {"independent": (), "correlated": (2, 1), "anticorrelated": (2, 1)}


def weights(spec, seed=0):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(spec.n_hidden, spec.n_features)) * 0.7
    return {"W": jnp.asarray(w, jnp.float32), "b": jnp.asarray(rng.normal(size=spec.n_features) * 0.2, jnp.float32)}


def whole(hparams, params, spec):
    """The expectation over all features by a fine tensor-product rule."""
    fine = replace(spec, expectation="sampled", estimator="quadrature", order=48)
    return expectation.sampled(hparams, params, expectation.inputs(hparams, spec=fine)(()), {}, spec=fine)[0]


def cases():
    for law in laws.LAWS:
        yield from ((law, kind, "relu", "identity") for kind in SETS)
    for kind in SETS:
        yield from (("uniform", kind, *rest) for rest in (("identity", "identity"), ("gelu", "identity"), ("relu", "square")))
    yield from (("signed", "independent", "softplus", "abs"), ("uniform", "independent", "relu", "max"))


@pytest.mark.parametrize(("law", "kind", "activation", "target"), [*cases()])
def test_own_feature_is_the_whole_expectation_and_so_is_its_gradient(law, kind, activation, target, numbers):
    spec = Spec(3, 2, law=law, correlation=kind, set_sizes=SETS[kind], activation=activation, target=target)
    spec = replace(spec, estimator="quadrature", order=16, expectation="own_feature")
    hparams, params = numbers(spec, density=[0.3, 0.5, 0.8], value_exponent=2.5), weights(spec)
    inputs = expectation.inputs(hparams, spec=spec)(())

    def conditional(params):
        return expectation.own_feature(hparams, params, inputs, {}, spec=spec)[0]

    loss, grads = jax.value_and_grad(conditional)(params)
    expected, whole_grads = jax.value_and_grad(lambda params: whole(hparams, params, spec))(params)
    np.testing.assert_allclose(loss, expected, rtol=2e-3)
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, whole_grads[name], rtol=0.02, atol=4e-3)


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize(("law", "estimator"), [("uniform", "active"), ("signed", "iid"), ("power", "active")])
def test_estimates_are_unbiased_with_any_coefficients_and_less_noisy(kind, law, estimator, numbers):
    spec = Spec(3, 2, law=law, correlation=kind, set_sizes=SETS[kind], estimator=estimator, batch_size=32)
    hparams, params = numbers(spec, density=[0.3, 0.5, 0.8]), weights(spec)
    known = {"by_mean": jnp.array([0.3, -0.2, 0.1]), "by_variance": jnp.array([0.005, 0.01, 0.0])}
    realise, keys = expectation.inputs(hparams, spec=spec), jax.random.split(random.key(3), 4000)

    @jax.jit
    @jax.vmap
    def losses(key):
        inputs = realise(data.ESTIMATORS[estimator].draw(key, spec))
        ways = expectation.EXPECTATIONS.items()
        return {name: way.loss(hparams, params, inputs, known, spec=spec)[0] for name, way in ways}

    expected, estimates = whole(hparams, params, spec), losses(keys)
    for loss in estimates.values():
        assert abs(loss.mean() - expected) <= SIGMA * loss.std() / len(keys) ** 0.5 + 1e-3 * expected
    assert estimates["own_feature"].std() < estimates["sampled"].std()


@pytest.mark.parametrize("kind", SETS)
def test_moments_of_the_interference_and_its_chances(kind, numbers):
    spec = Spec(3, 2, correlation=kind, set_sizes=SETS[kind], estimator="quadrature", order=12)
    hparams, params = numbers(spec, density=[0.3, 0.5, 0.8]), weights(spec)
    batch = data.sampler(hparams, spec=spec)(random.key(0))
    _, (t, off, on, _) = expectation.condition(hparams, params, batch, spec=spec)
    mean, variance = expectation.interference(hparams, params, spec=spec)
    np.testing.assert_allclose(t @ batch.weight, mean, atol=1e-5)
    np.testing.assert_allclose((t - mean[:, None]) ** 2 @ batch.weight, variance, rtol=1e-4)
    np.testing.assert_allclose(off.sum(axis=1), 1 - hparams.density, atol=1e-5)
    np.testing.assert_allclose(on.sum(axis=1), hparams.density, atol=1e-5)
    first, second = laws.LAWS["uniform"].moments(None)
    x = batch.x - (batch.x @ batch.weight)[:, None]
    covariance = sets.covariance(hparams.density, first, second, spec)
    np.testing.assert_allclose((x * batch.weight[None, :]) @ x.T, covariance, atol=1e-6)


def test_inputs_with_few_and_with_many_active_features_make_up_all(numbers):
    spec = Spec(6, 2, batch_size=64)
    density = np.array([0.3, 1e-3, 0.6, 0.05, 0.9, 0.2])
    hparams = numbers(spec, density=density)
    few, realise = patterns.at_most_one(hparams, 8, spec=spec), patterns.TWO_ACTIVE.realise(hparams, spec)
    assert np.all((few.x != 0).sum(axis=0) <= 1)

    def pairs(batch):
        return (batch.x * batch.weight[None, :]) @ batch.x.T, batch.weight.sum()

    many, weight = jax.lax.map(
        lambda key: pairs(realise(patterns.TWO_ACTIVE.draw(key, spec))), jax.random.split(random.key(5), 4000)
    )
    exact, less = pairs(few)
    np.testing.assert_allclose(weight.mean() + less, 1, rtol=1e-5)
    expected = np.where(np.eye(6), density / 3, np.outer(density, density) / 4)
    error = many.std(axis=0) / 4000**0.5
    assert np.all(np.abs(many.mean(axis=0) + exact - expected) <= SIGMA * error + 1e-6)


def exact_loss(p, w, b, importance):
    """E Σ I_i (x_i − x'_i)² for values U[0, 1], by many nodes for every pattern of active features, in double precision."""
    n, total = len(p), 0.0
    for code in range(2**n):
        on = [i for i in range(n) if code >> i & 1]
        node, weight = np.polynomial.legendre.leggauss({0: 1, 1: 400, 2: 200, 3: 48, 4: 24, 5: 18}[len(on)])
        grids = np.meshgrid(*[(node + 1) / 2] * len(on), indexing="ij")
        x = np.zeros((n, max(1, grids[0].size if on else 1)))
        factor = np.ones(x.shape[1])
        for i, grid in zip(on, grids, strict=True):
            x[i] = grid.ravel()
        for grid in np.meshgrid(*[weight / 2] * len(on), indexing="ij"):
            factor *= grid.ravel()
        chance = np.prod([p[i] if i in on else 1 - p[i] for i in range(n)])
        out = np.maximum(w.T @ (w @ x) + b[:, None], 0)
        total += chance * (importance @ (x - out) ** 2) @ factor
    return total


@pytest.mark.slow
def test_losses_of_five_features_are_exact(numbers):
    spec, rng = Spec(5, 2), np.random.default_rng(1)
    for _ in range(30):
        density = np.full(5, 10 ** rng.uniform(-2, 0))
        hparams = numbers(spec, density=density)
        w, b = rng.normal(size=(2, 5)) * rng.uniform(0.3, 1), rng.normal(size=5) * 0.1
        params = {"W": jnp.asarray(w, jnp.float32), "b": jnp.asarray(b, jnp.float32)}
        result = evaluation.evaluate(random.key(0), hparams, params, spec=spec)
        expected = exact_loss(density, np.float32(w), np.float32(b), np.asarray(hparams.importance))
        assert abs(result["loss"] / expected - 1) < 5e-4
        assert abs(result["loss"] - expected) <= 4 * result["loss_stderr"]


def draws(law, p, size, rng):
    """Inputs (feature, batch) with at least one active feature, by NumPy, for values of a law with exponent 2."""
    first = p * np.concatenate([[1], np.cumprod(1 - p)[:-1]])
    chosen, place = rng.choice(len(p), size, p=first / first.sum()), np.arange(len(p))[:, None]
    on = (place == chosen) | ((place > chosen) & (rng.random((len(p), size), np.float32) < np.float32(p)[:, None]))
    u = 1 - rng.random((len(p), size), np.float32)
    values = {"uniform": u, "signed": 2 * u - 1, "upper": (1 + u) / 2, "exponential": -np.log(u), "power": u**0.5}
    return on * values.get(law, np.ones_like(u)), first.sum()


@pytest.mark.slow
def test_stated_errors_are_those_of_the_losses(numbers):
    """Sixty models against plain sampling by NumPy, with and without superposition, of equal and unequal densities."""
    rng, z, compiled = np.random.default_rng(5), [], {}
    for number in range(60):
        n, law = [2, 3, 5, 20, 80][number % 5], [*laws.LAWS][number // 5 % 6]
        p = np.full(n, 10 ** rng.uniform(-3, 0)) if number % 2 else 10 ** rng.uniform(-2, 0, n)
        w, spec = rng.normal(size=(max(1, n // 4), n)), Spec(n, max(1, n // 4), law=law)
        w = np.float32(w / np.linalg.norm(w, axis=0) / rng.uniform(0.9, 1.6, n))
        b = np.float32(-0.1 * np.abs(rng.normal(size=n)) + (p / 2 if number % 3 == 0 else 0))
        hparams = numbers(spec, density=np.float32(p), value_exponent=2.0)
        evaluate = compiled.setdefault(spec, jax.jit(partial(evaluation.evaluate, spec=spec)))
        result = evaluate(random.key(0), hparams, {"W": jnp.asarray(w), "b": jnp.asarray(b)})
        losses = []
        for _ in range(60 if n > 5 else 300):
            x, some = draws(law, p, 10_000, rng)
            error = (x - np.maximum(w.T @ (w @ x) + b[:, None], 0)) ** 2
            losses.append(np.asarray(hparams.importance) @ error.mean(axis=1))
        expected = some * np.mean(losses) + (1 - some) * np.asarray(hparams.importance) @ np.maximum(b, 0) ** 2
        stderr = np.hypot(result["loss_stderr"], some * np.std(losses) / len(losses) ** 0.5)
        z.append(float((result["loss"] - expected) / stderr))
        assert result["loss_stderr"] < {20: 0.005, 80: 0.01}.get(n, 0.002) * result["loss"]
    assert np.mean(np.square(z)) ** 0.5 < 1.2
    assert np.max(np.abs(z)) < 4


def test_by_default_the_closed_form_is_chosen_where_there_is_one():
    spec = Spec(3, 2, estimator="quadrature")
    ways = {activation: expectation.default(replace(spec, activation=activation)) for activation in ("relu", "identity", "gelu")}
    assert ways == {"relu": "own_feature", "identity": "own_feature", "gelu": "sampled"}
    assert expectation.best(replace(spec, estimator="active")) == "moments"
    assert (
        expectation.best(replace(spec, hidden_activation="relu"))
        == expectation.default(replace(spec, kind="untied"))
        == "sampled"
    )
    assert expectation.best(replace(spec, penalty="l1")) == expectation.best(replace(spec, adversarial=True)) == "sampled"


def test_the_best_of_several_seeds_is_evaluated_again_by_draws_of_its_own():
    density, given = [0.5, 0.1], ["model.n_features=6", "model.n_hidden=2", "train.steps=30"]
    seeds, cells = "+sweep.axes.seed={path: seed, range: 3}", f"+sweep.axes.density={{path: data.density, values: {density}}}"
    dataset, [group] = run([*given, seeds, cells]), load([*given, seeds, cells]).groups
    best = dataset["loss"] == dataset["loss"].min("seed")
    assert (dataset["loss_again"].notnull() == best).all()
    assert (dataset["loss_again_stderr"].notnull() == best).all()
    for point in np.flatnonzero(best.transpose("seed", "density").values.ravel()):
        model = dataset.transpose("seed", "density", ...).stack(point=("seed", "density")).isel(point=point)
        hparams = jax.tree.map(lambda a, place=point: jnp.asarray(a[group.points == place][0]), group.hparams)
        params = {name: jnp.asarray(model[name].values) for name in ("W", "b")}
        for draws, name in enumerate(("loss", "loss_again")):
            loss = evaluation.evaluate(random.key(draws), hparams, params, spec=group.spec)["loss"]
            np.testing.assert_allclose(model[name], loss, rtol=1e-5)
        error = np.hypot(model["loss_stderr"], model["loss_again_stderr"])
        assert 0 < abs(model["loss_again"] - model["loss"]) < SIGMA * error
    assert "loss_again" not in run([*given, cells])
    assert "loss_again" not in run([*given, seeds, "model.n_features=5"])


@pytest.mark.parametrize("law", ["uniform", "power"])
def test_many_models_of_two_features_are_as_with_models_first(law, numbers):
    spec, rng = Spec(2, 2, law=law, estimator="quadrature", order=4, expectation="own_feature"), np.random.default_rng(0)
    density, importance = rng.uniform(0.1, 1, (2, 100, 2)), rng.uniform(0.5, 2, (2, 100, 2))
    hparams = jax.tree.map(jnp.asarray, numbers(spec, 2, 100, density=density, importance=importance, value_exponent=2.0))
    params = {"W": jnp.asarray(rng.normal(size=(2, 100, 2, 2)), jnp.float32), "b": jnp.asarray(rng.normal(size=(2, 100, 2)) / 9)}

    def last(params, hparams):
        inputs = expectation.inputs(hparams, spec=spec)(())
        return expectation.own_feature(hparams, params, inputs, {}, spec=spec)[0]

    def first(params, hparams):
        inputs = expectation.inputs(hparams, spec=spec)(())
        return own_error.expected(hparams, *expectation.condition(hparams, params, inputs, spec=spec), spec)[0]

    values, expected = (jax.vmap(jax.vmap(jax.value_and_grad(loss)))(params, hparams) for loss in (last, first))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), values, expected)


def test_a_map_with_models_last_takes_what_they_share():
    x, shared = jnp.arange(20.0).reshape(10, 2), jnp.arange(3.0)
    mapped = jax.vmap(models_last(lambda x, shared: x[:, None] * shared[None]), (0, None))
    np.testing.assert_array_equal(mapped(x, shared), x[:, :, None] * shared[None, None, :])
