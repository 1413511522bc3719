"""The toy model x' = f(WᵀWx + b): activations, initial parameters and the forward pass of one model on one batch."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax import data
from superposition_jax.types import Hparams, Params, Spec

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "softplus": jax.nn.softplus,
    "identity": lambda z: z,
}
"""f by name; with `identity` the model is the linear one of the paper."""


def _gaussian(std):
    return lambda key, spec: std(spec) * jax.random.normal(key, (spec.n_hidden, spec.n_features))


def _orthogonal(key: Array, spec: Spec) -> Float[Array, "hidden feature"]:
    return jax.nn.initializers.orthogonal()(key, (spec.n_hidden, spec.n_features))


def _polygon(key: Array, spec: Spec) -> Float[Array, "hidden feature"]:
    turn = 2 * jnp.pi * jnp.arange(spec.n_features) / spec.n_features
    plane = jnp.stack([jnp.cos(turn), jnp.sin(turn)])[: spec.n_hidden]
    return jnp.pad(plane, ((0, spec.n_hidden - plane.shape[0]), (0, 0)))


INITS = {
    "xavier": _gaussian(lambda spec: (2 / (spec.n_features + spec.n_hidden)) ** 0.5),
    "normal": _gaussian(lambda spec: 1.0),
    "orthogonal": _orthogonal,
    "polygon": _polygon,
    "notebook": _gaussian(lambda spec: (2 / ((spec.n_features + spec.init_models) * spec.n_hidden)) ** 0.5),
}
"""W by name, before it is multiplied by `init_scale`.

`xavier` has the standard deviation √(2/(n+m)), `normal` 1. `orthogonal` has orthonormal rows (columns where m > n).
`polygon` puts feature i at the angle 2πi/n of the first two hidden dimensions, norm 1.
`notebook` is the scale that the paper's public notebook arrives at by reading fan-in and fan-out off the three-dimensional
tensor of `init_models` models: √(2/((n + models)·m)).
"""


def init(key: Array, hparams: Hparams, *, spec: Spec) -> Params:
    """Initial parameters of one model.

    `b` starts at `init_bias` times the feature's mean E x_i (0 where the model has no bias): with b = 0 textbook Xavier leaves
    ReLU outputs dead for ever in the dense regime.
    """
    mean, _ = data.moments(hparams, spec=spec)
    start = hparams.init_bias if spec.bias else 0.0
    return {"W": hparams.init_scale * INITS[spec.init](key, spec), "b": start * mean}


_UNROLLED = 8
"""Up to so many hidden dimensions Wᵀh is written as a sum, which compilers fuse with what follows: a pass over memory less."""


@jax.custom_vjp
def reconstruct(w: Float[Array, "hidden feature"], x: Float[Array, "feature batch"]) -> Float[Array, "feature batch"]:
    """WᵀWx. Its gradient is written out, dW = h gᵀ + (Wg) xᵀ with h = Wx, so that no pass over the batch is made twice."""
    return _reconstruct(w, x)[0]


def _reconstruct(w, x):
    h = w @ x
    if w.shape[0] > _UNROLLED:
        return w.T @ h, (w, x, h)
    return sum(w[k, :, None] * h[k, None, :] for k in range(w.shape[0])), (w, x, h)


def _reconstruct_transposed(kept, g):
    w, x, h = kept
    k = w @ g
    return h @ g.T + k @ x.T, w.T @ k


reconstruct.defvjp(_reconstruct, _reconstruct_transposed)


def apply(params: Params, x: Float[Array, "feature batch"], *, spec: Spec) -> Float[Array, "feature batch"]:
    """x' = f(WᵀWx + b), Elhage et al. 2022, "Demonstrating Superposition"."""
    z = reconstruct(params["W"], x)
    if spec.bias:
        z = z + params["b"][:, None]
    return ACTIVATIONS[spec.activation](z)
