"""Training of one model: a pure function of its key, its numbers and its state. Nothing here maps over models or compiles."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from superposition_jax.core import data, expectation, model, objective, optimizer
from superposition_jax.types import DATA, INIT, History, Hparams, Params, Spec, TrainState


def init_state(key: Array, hparams: Hparams, *, spec: Spec) -> TrainState:
    """The state before the first step; `key` is that of the model's seed."""
    params = model.init(jax.random.fold_in(key, INIT), hparams, spec=spec)
    count = len(spec.snapshot_steps)
    snapshots = {name: jnp.repeat(value[None], count, axis=0) for name, value in params.items()} if count else {}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.build(hparams, jnp.zeros((), jnp.int32), spec=spec).init(params),
        diverged_at=jnp.full((), -1, jnp.int32),
        history=History(jnp.zeros(len(spec.curve_steps)), snapshots),
        statistics=expectation.no_statistics(spec),
    )


_DECAY = 0.98
"""Weight of the past in the running means of statistics."""


def _loss_and_grads(
    hparams: Hparams, params: Params, draws: Any, realise, known: expectation.Statistics, *, spec: Spec, slices: int
) -> tuple[tuple[Array, expectation.Statistics], Params]:
    """The loss and the statistics of a batch, and the gradient."""

    def loss_and_grads(draws):
        with jax.named_scope("realise"):
            inputs = realise(draws)
        with jax.named_scope("loss"):
            return jax.value_and_grad(objective.minimised, argnums=1, has_aux=True)(hparams, params, inputs, known, spec=spec)

    if slices == 1:
        return loss_and_grads(draws)
    sliced = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(*a.shape[:-1], slices, -1), -2, 0), draws)
    zero = ((jnp.zeros(()), expectation.no_statistics(spec)), jax.tree.map(jnp.zeros_like, params))
    return jax.lax.scan(lambda total, draws: (jax.tree.map(jnp.add, total, loss_and_grads(draws)), None), zero, sliced)[0]


def train_step(
    hparams: Hparams, state: TrainState, draws: Any, realise: Callable[[Any], Any], *, spec: Spec, slices: int = 1
) -> tuple[TrainState, Float[Array, ""]]:
    """One update on the inputs `realise(draws)` (see `expectation.inputs`), used in `slices` slices one after another.

    A model whose loss, gradient or new parameters are not finite, or too large for the sum of their squares to be, keeps the
    parameters from before that step from then on. Returns the state after the update, and the estimate of the objective before
    it, a sum over features.
    """
    known = jax.tree.map(lambda mean: mean / (1 - _DECAY ** jnp.maximum(state.step, 1)), state.statistics)
    (loss, seen), grads = _loss_and_grads(hparams, state.params, draws, realise, known, spec=spec, slices=slices)
    if spec.reduction == "mean":
        grads = jax.tree.map(lambda g: g / spec.n_features, grads)
    with jax.named_scope("optimizer"):
        updates, opt_state = optimizer.build(hparams, state.step, spec=spec).update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
    with jax.named_scope("guard"):
        finite = jnp.isfinite(loss + sum(optax.tree.norm(tree, squared=True) for tree in (grads, params)))
        params = jax.tree.map(partial(jnp.where, (state.diverged_at < 0) & finite), params, state.params)
        diverged_at = jnp.where((state.diverged_at < 0) & ~finite, state.step, state.diverged_at)
    means = jax.tree.map(lambda mean, new: _DECAY * mean + (1 - _DECAY) * new, state.statistics, seen)
    return state.replace(step=state.step + 1, params=params, opt_state=opt_state, diverged_at=diverged_at, statistics=means), loss


def _write_history(state: TrainState, loss: Array, *, spec: Spec) -> History:
    """The history with a step in it: its loss in the mean of its interval of the curve, its parameters as the snapshot."""
    place = jnp.sum(spec.curve_steps < state.step)
    width = jnp.asarray(np.diff(spec.curve_steps, prepend=0), jnp.float32)
    curve = state.history.loss_curve.at[place].add(loss / width[place])
    snapshots = state.history.snapshots
    if snapshots:
        shot = jnp.sum(spec.snapshot_steps < state.step)
        snapshots = {name: saved.at[shot].set(state.params[name]) for name, saved in snapshots.items()}
    return History(curve, snapshots)


def train_steps(key: Array, hparams: Hparams, state: TrainState, stop: Array, *, spec: Spec, slices: int = 1) -> TrainState:
    """Train from `state.step` up to (not including) step `stop`; `key` is that of the model's seed.

    The loop's bounds are arguments of the compiled program, so it does not matter into which segments a run is divided.
    """
    data_key, estimator = jax.random.fold_in(key, DATA), data.ESTIMATORS[spec.estimator]
    realise = expectation.inputs(hparams, spec=spec)

    @jax.named_scope("draw")
    def draw(step: Array):
        return estimator.draw(jax.random.fold_in(data_key, step), spec)

    def body(_, carry):
        # Draws are carried because the compiler would otherwise make them again for every cell that shares them.
        state, draws = carry
        state, loss = train_step(hparams, state, draws, realise, spec=spec, slices=slices)
        return state.replace(history=_write_history(state, loss, spec=spec)), draw(state.step)

    return jax.lax.fori_loop(state.step, stop, body, (state, draw(state.step)))[0]
