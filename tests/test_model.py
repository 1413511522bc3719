"""The model against an independent linen module, its initial parameters against their definitions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from superposition_jax.core import model, objective
from superposition_jax.types import Batch, Spec


class Oracle(nn.Module):
    """The same model, written as a linen module of one example."""

    spec: Spec

    @nn.compact
    def __call__(self, x):
        f = {"relu": nn.relu, "gelu": lambda z: nn.gelu(z, approximate=False), "softplus": nn.softplus, "identity": lambda z: z}
        shape = (self.spec.n_hidden, self.spec.n_features)
        if self.spec.kind == "tied":
            w_in = w_out = self.param("W", nn.initializers.normal(1.0), shape)
        else:
            w_in, w_out = (self.param(name, nn.initializers.normal(1.0), shape) for name in ("W_in", "W_out"))
        z = jnp.einsum("hi,h->i", w_out, f[self.spec.hidden_activation](jnp.einsum("hi,i->h", w_in, x)))
        if self.spec.bias:
            z = z + self.param("b", nn.initializers.normal(1.0), (self.spec.n_features,))
        return f[self.spec.activation](z)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["relu", "gelu", "softplus", "identity"])
@pytest.mark.parametrize(("kind", "hidden"), [("tied", "identity"), ("tied", "relu"), ("untied", "relu"), ("untied", "gelu")])
def test_forward_and_gradient_equal_a_linen_module(kind, hidden, activation, bias, numbers):
    spec = Spec(n_features=7, n_hidden=3, kind=kind, hidden_activation=hidden, activation=activation, bias=bias)
    hparams, oracle = numbers(spec), Oracle(spec)
    x = jax.random.uniform(jax.random.key(1), (7, 11))
    weight = jax.random.uniform(jax.random.key(2), (11,))
    variables = oracle.init(jax.random.key(3), x[:, 0])
    params = {"b": jnp.zeros(7), **variables["params"]}

    def oracle_loss(params):
        y = jax.vmap(lambda x: oracle.apply({"params": {k: params[k] for k in variables["params"]}}, x), 1, 1)(x)
        return jnp.einsum("i,ib,b->", hparams.importance, (x - y) ** 2, weight)

    np.testing.assert_allclose(
        model.forward(params, x, spec=spec)[1], jax.vmap(lambda x: oracle.apply(variables, x), 1, 1)(x), rtol=1e-5, atol=1e-5
    )
    ours = jax.value_and_grad(lambda p: objective.loss(hparams, p, Batch(x, weight), spec=spec))(params)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(jax.value_and_grad(oracle_loss)(params)), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-4)


def test_models_without_bias_never_get_one(numbers):
    spec = Spec(n_features=4, n_hidden=2, bias=False)
    params = model.init(jax.random.key(0), numbers(spec), spec=spec)
    np.testing.assert_array_equal(params["b"], 0)


@pytest.mark.parametrize(("kind", "std"), [("xavier", (2 / 430) ** 0.5), ("normal", 1.0), ("notebook", (2 / (440 * 30)) ** 0.5)])
def test_gaussian_starts_have_their_standard_deviation(kind, std, numbers):
    spec = Spec(n_features=400, n_hidden=30, init=kind, init_models=40)
    w = model.init(jax.random.key(0), numbers(spec, init_scale=0.5), spec=spec)["W"]
    assert abs(w.std() / (0.5 * std) - 1) < 4 / (2 * w.size) ** 0.5
    assert abs(w.mean()) < 4 * 0.5 * std / w.size**0.5


@pytest.mark.parametrize(("n", "m"), [(9, 4), (4, 9), (400, 400)])
def test_orthogonal_start_has_orthonormal_rows_or_columns(n, m, numbers):
    spec = Spec(n_features=n, n_hidden=m, init="orthogonal")
    w = model.init(jax.random.key(0), numbers(spec), spec=spec)["W"]
    few = w if m < n else w.T
    np.testing.assert_allclose(few @ few.T, np.eye(min(n, m)), atol=1e-5)


def test_polygon_start_is_regular_and_flat(numbers):
    spec = Spec(n_features=5, n_hidden=3, init="polygon")
    w = model.init(jax.random.key(0), numbers(spec), spec=spec)["W"]
    turn = 2 * np.pi / 5 * (np.arange(5)[:, None] - np.arange(5))
    np.testing.assert_allclose(w.T @ w, np.cos(turn), atol=1e-6)
    np.testing.assert_array_equal(w[2], 0)


def test_bias_starts_at_its_share_of_the_mean(numbers):
    spec = Spec(n_features=3, n_hidden=2, law="upper")
    density = np.array([1.0, 0.5, 0.01])
    params = model.init(jax.random.key(0), numbers(spec, density=density, init_bias=2.0), spec=spec)
    np.testing.assert_allclose(params["b"], 2 * density * 3 / 4, rtol=1e-6)


@pytest.mark.parametrize(("m", "n"), [(1, 2), (2, 5), (5, 20), (12, 30)])
def test_the_written_out_gradient_is_autodiffs(m, n):
    rng = np.random.default_rng(0)
    w, h, g = (rng.normal(size=shape).astype(np.float32) for shape in ((m, n), (m, 9), (n, 9)))

    def with_gradients(function):
        return jax.jit(lambda w, h, g: (function(w, h), *jax.vjp(function, w, h)[1](g)))(w, h, g)

    ours, autodiffs = map(with_gradients, (model.read_out, lambda w, h: w.T @ h))
    for a, b, atol in zip(ours, autodiffs, (1e-5, 1e-4, 1e-4), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=atol)
