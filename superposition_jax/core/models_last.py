"""A map over models that puts them along the last axis of arrays, where a CPU's vector instructions run along them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap


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
