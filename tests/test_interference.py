"""Interference against closed forms: orthogonal features, antipodal pairs, polygons; and the terms that sum to the loss."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax import theory
from superposition_jax.core import objective
from superposition_jax.errors import ConfigError
from superposition_jax.experiments.interference import numeric as interference
from superposition_jax.experiments.interference import table
from superposition_jax.results import select
from superposition_jax.types import Spec


def losses(numbers, sample, params, p=0.3, **fields):
    """Loss, benefit, interference by quadrature."""
    m, n = next(iter(params.values())).shape
    spec = Spec(n, m, estimator="quadrature", order=20, **fields)
    hparams = numbers(spec, density=np.full(n, p))
    batch = sample(hparams, jax.random.key(0), spec=spec)
    functions = (objective.loss, objective.benefit_loss, objective.interference_loss)
    terms = jax.jit(lambda *given: [function(*given, spec=spec) for function in functions])
    return [float(term) for term in terms(hparams, params, batch)]


def test_orthogonal_features_do_not_interfere(numbers, sample):
    w = 0.9 * jnp.eye(3, 4)
    loss, benefit, between = losses(numbers, sample, {"W": w, "b": jnp.full(4, 0.1)})
    assert loss > 0
    assert loss == pytest.approx(benefit)
    assert between == pytest.approx(0, abs=1e-7)
    spec = Spec(4, 3)
    describe = jax.jit(interference.describe, static_argnames="spec")
    measures = describe(jnp.uint32(0), numbers(spec), {"W": w, "b": jnp.zeros(4)}, spec=spec)
    assert not measures["false_square"][:2].any()
    assert not measures["alternatives"][:2].any()
    assert np.isnan(measures["false_square"][2]).all()  # three of three represented features are on: none is off
    assert interference.linear_terms(jnp.eye(3, 4), jnp.ones(4)) == (1, 0)


@pytest.mark.parametrize("p", [1.0, 0.2])
def test_an_antipodal_pair_loses_by_interference_alone(numbers, sample, p):
    """(1 + r) p²/6 with r = 0.7, the second importance; the linear model's terms are 0 and 1 + r."""
    params = {"W": jnp.array([[1.0, -1.0]]), "b": jnp.zeros(2)}
    loss, benefit, between = losses(numbers, sample, params, p)
    assert loss == pytest.approx(1.7 * p**2 / 6, rel=5e-3)
    assert (benefit, between) == (pytest.approx(0, abs=1e-7), pytest.approx(loss))
    np.testing.assert_allclose(interference.linear_terms(params["W"], jnp.array([1, 0.7])), [0, 1.7], rtol=1e-6)
    for activation, square in (("relu", 0.0), ("identity", 1 / 3)):
        spec = Spec(2, 1, activation=activation)
        false = jax.jit(interference.false_activations, static_argnums=3, static_argnames="spec")
        measures = false(jax.random.key(0), numbers(spec), params, 1, spec=spec)
        np.testing.assert_allclose(measures["false_square"], [1 / 3, square, square], atol=4 / 64)
        assert measures["false_positive"] == 0
        assert measures["false_negative"] > 0.98
        np.testing.assert_allclose(interference.one_active_terms(numbers(spec), params, spec=spec)[1], 1.7 * square, rtol=1e-5)


def test_one_active_terms_sum_to_the_paper_s(numbers):
    w, b = np.random.default_rng(0).normal(size=(3, 7)) / 2, np.linspace(-0.3, 0.3, 7)
    spec = Spec(7, 3)
    terms = jax.jit(partial(interference.one_active_terms, spec=spec))(numbers(spec), {"W": w, "b": b})
    np.testing.assert_allclose(sum(terms), theory.one_active_loss(w, b, 0.7 ** np.arange(7)), rtol=1e-3)


def brute_force(w, b, p, f, importance, points=2000):
    """Own losses, represented and dropped, and interference from inputs with one feature on, by the midpoint rule in NumPy."""
    v, norm = (np.arange(points) + 0.5) / points, np.linalg.norm(w, axis=0)
    single = [np.mean((v - f(g * v + bias)) ** 2) for g, bias in zip(norm**2, b, strict=True)]
    own = importance * (p * np.array(single) + (1 - p) * f(b) ** 2)
    excess = 0.0
    for i in range(len(b)):
        outputs = f((w.T @ w[:, [i]]) * v + b[:, None])
        more = importance * (np.mean(outputs**2, axis=1) - f(b) ** 2)
        excess += more.sum() - more[i]
    return own[norm > 0.5].sum(), own[norm <= 0.5].sum(), excess


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_the_parts_of_the_loss_are_those_of_brute_force_and_sum_to_it(numbers, sample, activation):
    f = {"relu": lambda z: np.maximum(z, 0), "identity": lambda z: z}[activation]
    w = np.array([[1.0, -0.8, 0.1, 0.6], [0.2, 0.1, -0.2, 0.7]], np.float32)
    b, importance = np.array([-0.1, 0.05, 0.2, 0.0], np.float32), 0.7 ** np.arange(4)
    spec, params = Spec(4, 2, activation=activation), {"W": jnp.asarray(w), "b": jnp.asarray(b)}
    represented, dropped, excess = brute_force(w, b, 0.3, f, importance)
    hparams = numbers(spec, density=np.full(4, 0.3))
    terms = jax.jit(partial(interference.own_losses, spec=spec))(hparams, params)
    np.testing.assert_allclose(terms, [represented, dropped], rtol=1e-3)
    assert min(represented, dropped) > 0.005
    np.testing.assert_allclose(interference.one_active_excess(hparams, params, spec=spec), excess, rtol=1e-3)
    loss, benefit, between = losses(numbers, sample, params, activation=activation)
    assert benefit == pytest.approx(represented + dropped, rel=5e-3)
    assert loss - represented - dropped == pytest.approx(between, rel=0.02)
    p = 1e-3  # where two features are never on together, all interference is of single ones
    _, _, between = losses(numbers, sample, params, p, activation=activation)
    assert between == pytest.approx(p * (1 - p) ** 3 * excess, rel=0.02)


def test_the_benefit_is_what_features_lose_one_by_one(numbers, sample):
    """For a model with a hidden ReLU."""
    params = {"W": jax.random.normal(jax.random.key(0), (2, 3)), "b": jnp.array([0.1, -0.2, 0.0])}
    _, benefit, _ = losses(numbers, sample, params, hidden_activation="relu")
    gains = (params["W"] * jax.nn.relu(params["W"])).sum(axis=0)
    single = theory.ramp_error(1, gains, params["b"])
    off = np.maximum(np.asarray(params["b"]), 0) ** 2
    assert benefit == pytest.approx(0.7 ** np.arange(3) @ (0.3 * single + 0.7 * off), rel=5e-3)


@pytest.mark.parametrize(
    ("w", "support", "counts"),
    [
        ([[1, 1, 0], [0, 0, 1]], (0, 1), {1: 2 / 3}),  # two of three features look alike
        ([[1, -1]], (0, 1), {1: 0}),
        ([[1, -1]], (-1, 1), {1: 1}),  # −1 of the other is allowed
        ([[1, -1, 0, 0], [0, 0, 1, -1]], (0, 1), {1: 0, 2: 1 / 3}),  # a pair that is on together looks like nothing
    ],
)
def test_sets_that_look_alike_are_counted(w, support, counts):
    for active, expected in counts.items():
        alternatives = jax.jit(interference.alternatives, static_argnums=(2, 3))
        count = alternatives(jax.random.key(0), jnp.array(w, float), tuple(support), active)
        assert float(count.mean()) == pytest.approx(expected, abs=4 / interference.INPUTS**0.5 if 0 < expected < 1 else 0)
    assert np.isnan(interference.alternatives(jax.random.key(0), jnp.ones((2, 40)), (0, 1), 3)).all()  # 9,880 sets


TINY = ["tables=[interference]", "figures=[]", "model.n_features=6", "model.n_hidden=3", "train.steps=200"]
REFUSED = {"model.n_features=3": "model.n_features above 3"}
REFUSED |= {"model.hidden_activation=relu": "model.hidden_activation = identity"}


@pytest.mark.parametrize("given", REFUSED)
def test_what_it_cannot_do_is_refused(given):
    with pytest.raises(ConfigError, match=REFUSED[given]):
        superposition_jax.run([*TINY, given])


@pytest.mark.slow
def test_the_relu_and_the_bias_filter_interference():
    dataset = superposition_jax.run(["experiment=interference", "figures=[]", "sweep.axes.seed.range=8"])
    relu, linear = dataset.sel(activation="relu"), dataset.sel(activation="identity")
    assert np.all(linear["false_square"].sel(stage="raw").isel(others=slice(0, 2)) < 1e-4)
    np.testing.assert_allclose(table.parts(linear)["interference"] / linear["loss"], 0, atol=0.01)
    lines = select.findings(dataset)
    single = [line.split(":")[0] for line in lines if "with a single feature on" in line]
    assert len(single) == 6  # none of linear models, nor of dense ones: a ratio of what training has left over
    assert all("relu" in place and "1 − S = 1" not in place for place in single)
    sparse = relu.sel(sparsity=slice(0.9, None), others=2)["false_square"]
    assert np.all(sparse.sel(stage="activated") < 0.35 * sparse.sel(stage="raw"))
    assert np.all(sparse.sel(stage="biased") < 0.25 * sparse.sel(stage="activated"))
    single = table.rare_interference(relu, relu["density"], 20) / table.parts(relu)["interference"]
    share = single.sel(sparsity=[0.97, 0.99, 0.997, 0.999]).mean("seed")
    assert np.all(np.diff(share) > 0)
    assert share[0] < 0.1 < 0.3 < share[-1] < 1  # mostly of two features that are on together, until very sparse
