"""The error expected over every output's own feature where the others have few patterns, as with n = 2, of many models at once.

A CPU's vector instructions run along the last axis of arrays. With so few patterns that is the models' axis.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap
from jaxtyping import Float

from superposition_jax.core import own_error
from superposition_jax.core.patterns import Others
from superposition_jax.types import Hparams, Params, Spec

_VECTOR = 16
"""Points below which vector instructions run along models instead."""


def are_few(inputs: Others, spec: Spec) -> bool:
    """Whether `error` is the faster way to a closed form."""
    return inputs.off.shape[1] < _VECTOR and own_error.has_closed_form(spec)


def models_last(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one model's arrays, which takes those of many models too, with the models along a last axis.

    Mapped over models by `jax.vmap`, it is called once for all of them, with 1 for the last axis of what they share.
    """
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def _(models: int, is_mapped: Sequence[Any], *arguments: Any) -> tuple[Any, Any]:
        last = jax.tree.map(lambda a, mapped: jnp.moveaxis(a, 0, -1) if mapped else a[..., None], arguments, tuple(is_mapped))
        results = jax.tree.map(lambda a: jnp.moveaxis(a, -1, 0), function(*last))
        return results, jax.tree.map(lambda a: True, results)

    return mapped


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def error(hparams: Hparams, params: Params, inputs: Others, spec: Spec) -> Float[Array, ""]:
    """As `expectation.own_feature`, with its gradient written out."""
    return _error_and_gradient(hparams, params, inputs, spec)[0]


def _error_and_gradient(hparams: Hparams, params: Params, inputs: Others, spec: Spec) -> tuple[Array, Params]:
    @models_last
    def of_models(hparams: Hparams, params: Params, inputs: Others) -> tuple[Array, Params]:
        def preactivation(params: Params) -> tuple[Array, Array]:
            w, bias = params["W"], params["b"][:, None] if spec.bias else 0.0
            gram = sum(row[:, None] * row[None] for row in w)
            return jnp.sum(w * w, axis=0), sum(gram[:, i, None] * inputs.x[:, i] for i in range(spec.n_features)) + bias

        (g, t), backward = jax.vjp(preactivation, params)
        conditioned, exponent = own_error.Conditioned(t, inputs.off, inputs.on, ()), hparams.value_exponent[None, None]
        total, by_g, by_t = own_error.closed_form(g, conditioned, hparams.importance, exponent, spec)
        return total, backward((by_g, by_t))[0]

    return of_models(hparams, params, inputs)


error.defvjp(_error_and_gradient, lambda spec, gradient, ct: (None, jax.tree.map(lambda by: ct * by, gradient), None))
