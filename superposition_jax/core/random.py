"""Random bits for JAX's typed keys from pcg3d, a counter-based hash that on a CPU is about ten times as fast as threefry.

`fold_in`, `split` and all of `jax.random` take such keys; only the bits come from another function. The hash maps three
32-bit words to three; Jarzynski & Olano 2020 recommend it ("Hash Functions for GPU Rendering", JCGT 9(3)).
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.random import define_prng_impl
from jax.typing import ArrayLike

_SEED, _SPLIT, _FOLD, _BITS = 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344
"""Digits of π that distinguish the four uses of the hash."""


def _hash(x: Array, y: Array, z: Array) -> tuple[Array, Array, Array]:
    """The hash pcg3d."""
    x, y, z = (word * jnp.uint32(1664525) + jnp.uint32(1013904223) for word in (x, y, z))
    x = x + y * z
    y = y + z * x
    z = z + x * y
    x, y, z = (word ^ (word >> 16) for word in (x, y, z))
    x = x + y * z
    y = y + z * x
    z = z + x * y
    return x, y, z


def _next(key: Array, use: int, number: int | Array) -> Array:
    """Keys (…, 2) derived from one key, a use of the hash, and numbers (…)."""
    number = jnp.asarray(number).astype(jnp.uint32)
    x, y, _ = _hash(key[0] ^ jnp.uint32(use), key[1] + jnp.zeros_like(number), number)
    return jnp.stack([x, y], axis=-1)


def _random_bits(key: Array, width: int, shape: tuple[int, ...]) -> Array:
    if width != 32:
        raise NotImplementedError(f"pcg3d makes words of 32 bits, not {width}")
    counter = jax.lax.iota(jnp.uint32, math.prod(shape))
    *_, word = _hash(key[0] ^ jnp.uint32(_BITS), key[1] + jnp.zeros_like(counter), counter)
    return word.reshape(shape)


_PCG3D = define_prng_impl(
    key_shape=(2,),
    seed=lambda seed: _next(jnp.zeros(2, jnp.uint32), _SEED, seed),
    split=lambda key, shape: _next(key, _SPLIT, jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape)),
    random_bits=_random_bits,
    fold_in=lambda key, data: _next(key, _FOLD, data),
    name="pcg3d",
    tag="pcg",
)


def key(seed: ArrayLike) -> Array:
    """A typed key of this generator, a scalar, for a seed in 0 … 2³² − 1.

    >>> key(0).dtype
    key<pcg>
    """
    return jax.random.key(seed, impl=_PCG3D)
