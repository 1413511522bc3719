"""The published recipe as JAX users first write it: one model, `vmap`, and per step a key and two draws for every model."""

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

_BATCH = 1024


def _loss(params, x, importance):
    out = jax.nn.relu(x @ params["W"].T @ params["W"] + params["b"][None, :])
    return jnp.mean(importance[None, :] * (x - out) ** 2)


def _step(params, state, key, density, importance, optimizer):
    mask_key, value_key = jax.random.split(key)
    shape = (_BATCH, importance.shape[0])
    x = jnp.where(jax.random.uniform(mask_key, shape) <= density, jax.random.uniform(value_key, shape), 0.0)
    updates, state = optimizer.update(jax.grad(_loss)(params, x, importance), state, params)
    return optax.apply_updates(params, updates), state


def seconds_a_step(density: np.ndarray, importance: np.ndarray, hidden: int, *, steps: int) -> float:
    """Seconds that a step of all models takes, without compilation; density (model,), importance (model, feature)."""
    models, features = importance.shape
    optimizer = optax.adamw(1e-3, weight_decay=1e-2)
    step = jax.vmap(partial(_step, optimizer=optimizer))

    @jax.jit
    def train(params, state, key, density, importance):
        def body(carry, key):
            return step(*carry, jax.random.split(key, models), density, importance), None

        return jax.lax.scan(body, (params, state), jax.random.split(key, steps))[0]

    keys = jax.random.split(jax.random.key(0), models)
    std = (2 / (features + hidden)) ** 0.5
    params = {
        "W": std * jax.vmap(lambda key: jax.random.normal(key, (hidden, features)))(keys),
        "b": jnp.zeros((models, features)),
    }
    arguments = (params, jax.vmap(optimizer.init)(params), jax.random.key(1), jnp.asarray(density), jnp.asarray(importance))
    compiled = train.lower(*arguments).compile()
    began = time.perf_counter()
    jax.block_until_ready(compiled(*arguments))
    return (time.perf_counter() - began) / steps
