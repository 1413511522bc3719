"""The toy models: activations, initial parameters, and the forward pass x → (h, x') of one model for one batch."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import linalg, targets
from superposition_jax.types import Hparams, Params, Registry, Spec, described

ACTIVATIONS = Registry(
    relu=jax.nn.relu,
    gelu=described("z·Φ(z), exactly", lambda z: jax.nn.gelu(z, approximate=False)),
    softplus=jax.nn.softplus,
    identity=described("z", lambda z: z),
)
"""Elementwise functions f and g by name; with `identity` for both, the tied model is the paper's linear one."""


def _gaussian(meaning, std):
    return described(meaning, lambda key, spec: std(spec) * jax.random.normal(key, (spec.n_hidden, spec.n_features)))


def _polygon(key: Array, spec: Spec) -> Float[Array, "hidden feature"]:
    """Feature i at the angle 2πi/n of the first two hidden dimensions, norm 1."""
    turn = 2 * jnp.pi * jnp.arange(spec.n_features) / spec.n_features
    plane = jnp.stack([jnp.cos(turn), jnp.sin(turn)])[: spec.n_hidden]
    return jnp.pad(plane, ((0, spec.n_hidden - plane.shape[0]), (0, 0)))


INITS = Registry(
    xavier=_gaussian(
        "normal, standard deviation √(2/(n + m)). Glorot & Bengio 2010", lambda s: (2 / (s.n_features + s.n_hidden)) ** 0.5
    ),
    normal=_gaussian("normal, standard deviation 1", lambda s: 1.0),
    orthogonal=described(
        "Orthonormal rows (columns where m > n).", lambda key, spec: linalg.orthogonal(key, spec.n_hidden, spec.n_features)
    ),
    polygon=_polygon,
    notebook=_gaussian(
        "as the paper's public notebook: normal, standard deviation √(2/((n + models)·m))",
        lambda s: (2 / ((s.n_features + s.init_models) * s.n_hidden)) ** 0.5,
    ),
)
"""Functions (key, spec) → W (hidden, feature) by name; `init_scale` then multiplies W.

The paper's public notebook takes fan-in and fan-out from the three-dimensional tensor of `init_models` models.
"""


class Model(NamedTuple):
    """An architecture. All have the bias `b` and an activation of the output; the hidden layer has no bias."""

    init: Callable[[Array, Spec], Params]
    """(key, spec) → initial weights, without `init_scale`."""
    forward: Callable[[Params, Array, Spec], tuple[Array, Array]]
    """(params, x, spec) → hidden activations h, and the pre-activation of the output without b."""
    directions: str
    """Name of the array whose column i is feature i's direction in the hidden layer."""
    read_out: str
    """Name of the array whose column i has the weights from the hidden layer to output i."""
    measured: Callable[[Params], Float[Array, "hidden feature"]] | None = None
    """params → directions as `geometry` measures them, if these are not the array itself."""
    gauge: Callable[[Params, Spec], Params] = lambda params, spec: params
    """(params, spec) → weights of the same function in a standard form for results; they may have leading axes."""
    meaning: str = ""


_UNROLLED = 8
"""Hidden dimensions up to which Wᵀh is written as a sum. The compiler fuses that with what follows: a pass over memory less."""


@jax.custom_vjp
def read_out(w: Float[Array, "hidden feature"], h: Float[Array, "hidden batch"]) -> Float[Array, "feature batch"]:
    """Wᵀh, with its gradient dW = h gᵀ, dh = Wg written out: that of the unrolled sum would be one product per term."""
    return _read_out(w, h)[0]


def _read_out(w, h):
    if w.shape[0] > _UNROLLED:
        return w.T @ h, (w, h)
    return sum(w[k, :, None] * h[k, None, :] for k in range(w.shape[0])), (w, h)


read_out.defvjp(_read_out, lambda inputs, g: (inputs[1] @ g.T, inputs[0] @ g))


def _forward(into: str, out: str, params: Params, x: Array, spec: Spec) -> tuple[Array, Array]:
    h = ACTIVATIONS[spec.hidden_activation](params[into] @ x)
    return h, read_out(params[out], h)


_tied, _untied = partial(_forward, "W", "W"), partial(_forward, "W_in", "W_out")


def _init_untied(key: Array, spec: Spec) -> Params:
    return {name: INITS[spec.init](key, spec) for name, key in zip(("W_in", "W_out"), jax.random.split(key), strict=True)}


def _largest_is_one(params: Params, spec: Spec) -> Params:
    """Weights scaled so that each neuron's largest input weight has absolute value 1, if g is homogeneous."""
    if spec.hidden_activation not in ("relu", "identity"):
        return params
    scale = jnp.abs(params["W_in"]).max(axis=-1, keepdims=True)
    scale = jnp.where(scale > 0, scale, 1.0)
    return params | {"W_in": params["W_in"] / scale, "W_out": params["W_out"] * scale}


def _balanced(params: Params) -> Float[Array, "hidden feature"]:
    """W_in scaled so that each neuron's input and output weights have equal length, the scale of least norm."""
    into, out = (jnp.sum(params[name] ** 2, axis=1, keepdims=True) for name in ("W_in", "W_out"))
    return params["W_in"] * jnp.where(into > 0, out / jnp.where(into > 0, into, 1.0), 0.0) ** 0.25


MODELS = Registry(
    tied=Model(lambda key, spec: {"W": INITS[spec.init](key, spec)}, _tied, "W", "W", meaning="h = g(Wx), x' = f(Wᵀh + b)"),
    untied=Model(
        *(_init_untied, _untied, "W_in", "W_out", _balanced, _largest_is_one), meaning="h = g(W_in x), x' = f(W_outᵀh + b)"
    ),
)
"""Architectures by name; f and g are the activations of output and hidden layer. With a homogeneous g, the scale of an `untied`
model's neurons is arbitrary."""


def directions(params: Params, *, spec: Spec) -> Float[Array, "hidden feature"]:
    """W (hidden, feature), whose column i is feature i's direction as `geometry` measures it."""
    kind = MODELS[spec.kind]
    return kind.measured(params) if kind.measured else params[kind.directions]


def init(key: Array, hparams: Hparams, *, spec: Spec) -> Params:
    """Initial parameters of one model.

    `b` starts at `init_bias` times the target's mean E y_i, or at 0 if the model has no bias. With b = 0 and Xavier's weights,
    some ReLU outputs of dense features would stay dead.
    """
    mean, _ = targets.moments(hparams, spec=spec)
    start = hparams.init_bias if spec.bias else 0.0
    weights = MODELS[spec.kind].init(key, spec)
    return {**{name: hparams.init_scale * w for name, w in weights.items()}, "b": start * mean}


def preactivation(params: Params, x: Float[Array, "feature batch"], *, spec: Spec) -> tuple[Array, Array]:
    """h (hidden, batch) and the output's pre-activation (feature, batch), to which f is applied."""
    h, z = MODELS[spec.kind].forward(params, x, spec)
    return h, z + params["b"][:, None] if spec.bias else z


def forward(
    params: Params, x: Float[Array, "feature batch"], *, spec: Spec
) -> tuple[Float[Array, "hidden batch"], Float[Array, "feature batch"]]:
    """Hidden activations h and outputs x'.

    Elhage et al. 2022, "Demonstrating Superposition", "Superposition in a Privileged Basis", "Computation in Superposition".

    >>> params = {"W": jnp.array([[1.0, -1.0]]), "b": jnp.zeros(2)}  # an antipodal pair
    >>> h, output = forward(params, jnp.array([[0.5], [0.0]]), spec=Spec(n_features=2, n_hidden=1))
    >>> h.tolist(), output.tolist()
    ([[0.5]], [[0.5], [0.0]])
    """
    h, z = preactivation(params, x, spec=spec)
    return h, ACTIVATIONS[spec.activation](z)
