"""Estimators against closed forms, against each other, and against draws made with NumPy."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from superposition_jax.core import data, model
from superposition_jax.types import Spec

SIGMA = 4.5
"""Standard errors that an estimate may be off: 7e-6 a comparison."""

NUMPY_LAWS = {
    "uniform": lambda rng, shape, a: rng.random(shape),
    "signed": lambda rng, shape, a: rng.uniform(-1, 1, shape),
    "upper": lambda rng, shape, a: rng.uniform(0.5, 1, shape),
    "exponential": lambda rng, shape, a: rng.exponential(size=shape),
    "power": lambda rng, shape, a: rng.power(a, shape),
    "binary": lambda rng, shape, a: np.ones(shape),
}
DENSITIES = {"dense": [1.0] * 4, "half": [0.5] * 4, "sparse": [0.02] * 4}
DENSITIES |= {"per feature": [0.9, 0.05, 0.3, 0.04], "first always on": [1.0, 0.3, 0.2, 0.05]}


@partial(jax.jit, static_argnames=("function", "spec", "batches"))
def batch_values(hparams, *, function, spec, batches):
    """Weighted sums Σ w·f(x) of independent batches."""

    def one(key):
        x, weight = data.sampler(hparams, spec=spec)(key)
        return jnp.einsum("...b,b->...", function(x), weight)

    return jax.vmap(one)(jax.random.split(jax.random.key(5), batches))


def estimates(spec, hparams, function, batches=400):
    """Their mean and its standard error."""
    values = np.asarray(batch_values(hparams, function=function, spec=spec, batches=batches), np.float64)
    return values.mean(0), values.std(0, ddof=1) / batches**0.5


def moments(x):
    """x_i, x_i² and x_i x_j."""
    return jnp.concatenate([x, x * x, (x[:, None, :] * x[None, :, :]).reshape(16, -1)])


def above(x):
    """Whether values are above two levels."""
    return jnp.stack([x > 0.1, x > 0.6]).astype(jnp.float32)


def square(x):
    """Σ x_i²."""
    return (x * x).sum(0)


PARAMS = {"W": np.random.default_rng(3).normal(size=(2, 4)).astype(np.float32) * 0.6, "b": np.float32([0.1, -0.2, 0.0, 0.05])}
"""Some model."""


def error(x):
    """The model's squared error with importance 0.7^i."""
    params = {name: jnp.asarray(value) for name, value in PARAMS.items()}
    return 0.7 ** jnp.arange(4) @ (x - model.forward(params, x, spec=Spec(4, 2))[1]) ** 2


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
@pytest.mark.parametrize("estimator", ["iid", "active"])
def test_sampled_moments_are_those_of_the_law(estimator, density, numbers):
    spec = Spec(n_features=4, n_hidden=2, estimator=estimator, batch_size=256)
    hparams, p = numbers(spec, density=density), np.array(density)
    mean, stderr = estimates(spec, hparams, moments)
    pairs = np.outer(p, p) / 4
    np.fill_diagonal(pairs, p / 3)
    expected = np.concatenate([p / 2, p / 3, pairs.ravel()])
    assert np.all(np.abs(mean - expected) <= SIGMA * stderr + 1e-6)


@pytest.mark.parametrize("law", data.LAWS)
def test_laws_have_their_moments_and_numpys_distribution(law, numbers, sample):
    spec = Spec(n_features=2, n_hidden=1, law=law, estimator="quadrature", order=24)
    hparams = numbers(spec, density=[0.3, 0.8])
    x, weight = map(np.asarray, sample(hparams, jax.random.key(0), spec=spec))
    first, second = data.moments(hparams, spec=spec)
    np.testing.assert_allclose(x @ weight, first, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose((x * x) @ weight, second, rtol=2e-3)

    rng = np.random.default_rng(0)
    drawn = NUMPY_LAWS[law](rng, (2, 200_000), 0.5) * (rng.random((2, 200_000)) < np.array([[0.3], [0.8]]))
    for power, moment in ((1, first), (2, second)):
        error = (drawn**power).std(1) / 200_000**0.5
        assert np.all(np.abs((drawn**power).mean(1) - moment) <= SIGMA * error + 1e-6)
    for estimator in ("iid", "active"):
        here = Spec(n_features=2, n_hidden=1, law=law, estimator=estimator, batch_size=256)
        mean, stderr = estimates(here, hparams, above)
        share = np.stack([(drawn > level).mean(1) for level in (0.1, 0.6)])
        both = np.sqrt(stderr**2 + share * (1 - share) / 200_000)
        assert np.all(np.abs(mean - share) <= SIGMA * both + 1e-6)


@pytest.mark.parametrize("density", DENSITIES.values(), ids=DENSITIES)
def test_estimators_agree_on_the_loss_of_a_model(density, numbers):
    rule = Spec(n_features=4, n_hidden=2, estimator="quadrature", order=15)
    hparams = numbers(rule, density=density)
    exact, _ = estimates(rule, hparams, error, batches=2)
    for estimator in ("iid", "active"):
        spec = Spec(n_features=4, n_hidden=2, estimator=estimator, batch_size=64)
        mean, stderr = estimates(spec, hparams, error, batches=1000)
        assert abs(mean - exact) < SIGMA * stderr + 1e-3 * exact


def test_active_draws_are_less_noisy_than_independent_ones_when_sparse(numbers):
    hparams = numbers(Spec(n_features=20, n_hidden=5), density=[0.001] * 20)

    specs = [Spec(n_features=20, n_hidden=5, estimator=estimator, batch_size=128) for estimator in ("active", "iid")]
    active, iid = (estimates(spec, hparams, square)[1] for spec in specs)
    assert active < iid / 7


@pytest.mark.parametrize("estimator", data.ESTIMATORS)
def test_weights_are_a_probability(estimator, numbers, sample):
    spec = Spec(n_features=3, n_hidden=1, estimator=estimator, batch_size=32, order=4)
    density = np.array([*itertools.product([1.0, 0.4, 1e-5], repeat=3)])
    many = numbers(spec, len(density), density=density)
    x, weight = map(np.asarray, jax.vmap(lambda h: sample(h, jax.random.key(0), spec=spec))(many))
    assert np.all(weight >= 0)
    np.testing.assert_allclose(weight.sum(1, np.float64), 1, rtol=1e-5)
    assert np.all((x >= 0) & (x <= 1))


def test_first_active_feature_has_its_probability():
    p = np.array([0.2, 0.001, 0.7], np.float32)
    first_active = jax.jit(data.first_active)
    first, some = first_active(p)
    s = 1 - p.astype(np.float64)
    np.testing.assert_allclose(first, [p[0], s[0] * p[1], s[0] * s[1] * p[2]], rtol=1e-6)
    np.testing.assert_allclose(some, 1 - s.prod(), rtol=1e-6)
    _tiny, total = first_active(np.full(4, 1e-7, np.float32))
    np.testing.assert_allclose(total, 4e-7, rtol=1e-5)


def test_values_stay_fine_grained_at_tiny_densities(numbers, sample):
    spec = Spec(n_features=1, n_hidden=1, estimator="iid", batch_size=2**21)
    x = np.asarray(sample(numbers(spec, density=[2.0**-13]), jax.random.key(0), spec=spec).x)
    active = x[x > 0]
    assert abs(len(active) - 256) < SIGMA * 16
    assert len(np.unique(active)) >= len(active) - 2  # of 2¹⁸ levels


def test_quadrature_is_exact_for_polynomials(numbers, sample):
    spec = Spec(n_features=3, n_hidden=1, estimator="quadrature", order=4)
    p = np.array([0.3, 0.9, 0.05])
    x, weight = (np.asarray(values, np.float64) for values in sample(numbers(spec, density=p), jax.random.key(0), spec=spec))
    for powers in itertools.product(range(4), repeat=3):
        expected = np.prod([1.0 if k == 0 else q / (k + 1) for q, k in zip(p, powers, strict=True)])
        np.testing.assert_allclose(weight @ np.prod(x ** np.array(powers)[:, None], axis=0), expected, rtol=1e-5)


def test_the_first_active_feature_is_chosen_apart_from_its_value(numbers):
    """Its value is its own uniform, not read off the narrow interval that chose it."""
    spec = Spec(n_features=2, n_hidden=1, law="exponential", estimator="active", batch_size=2**16)
    hparams = numbers(spec, density=[0.5, 1e-3])
    v, u = data.ESTIMATORS["active"].draw(jax.random.key(0), spec)
    x, _ = data.ESTIMATORS["active"].realise(hparams, spec)((v, u))
    first = np.asarray((x[0] == 0) & (x[1] > 0))
    share = 0.5e-3 / (1 - 0.5 * 0.999)
    assert abs(first.sum() - share * (2**16 - 1)) <= 1
    np.testing.assert_allclose(x[1][first], -np.log(u[1][first]), rtol=1e-6)
    np.testing.assert_array_equal(x[:, v == np.inf], 0)


def test_model_and_data_mix_no_dtypes(numbers):
    spec = Spec(n_features=3, n_hidden=2, estimator="active", batch_size=16)
    hparams = numbers(spec)
    with jax.numpy_dtype_promotion("strict"):
        batch = data.sampler(hparams, spec=spec)(jax.random.key(0))
        params = model.init(jax.random.key(1), hparams, spec=spec)
        assert model.forward(params, batch.x, spec=spec)[1].dtype == np.float32


def test_draws_depend_on_the_key_alone(numbers):
    spec = Spec(n_features=4, n_hidden=2, batch_size=16)
    draw = jax.jit(data.ESTIMATORS["active"].draw, static_argnums=1)
    draws = [draw(jax.random.key(seed), spec) for seed in (0, 0, 1)]
    for same, other in zip(draws[0], draws[1], strict=True):
        np.testing.assert_array_equal(same, other)
    assert np.all(np.asarray(draws[0][1]) != np.asarray(draws[2][1]))
