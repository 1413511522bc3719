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

from superposition_jax.core import data, model, objective, optimizer
from superposition_jax.types import DATA, INIT, Batch, History, Hparams, Params, Spec, TrainState


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
    )


def _loss_and_grads(hparams: Hparams, params: Params, draws: Any, realise, *, spec: Spec, slices: int) -> tuple[Array, Params]:
    def loss_and_grads(draws):
        with jax.named_scope("realise"):
            batch = realise(draws)
        with jax.named_scope("loss"):
            return jax.value_and_grad(objective.minimised, argnums=1)(hparams, params, batch, spec=spec)

    if slices == 1:
        return loss_and_grads(draws)
    sliced = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(*a.shape[:-1], slices, -1), -2, 0), draws)
    zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, params))
    return jax.lax.scan(lambda total, draws: (jax.tree.map(jnp.add, total, loss_and_grads(draws)), None), zero, sliced)[0]


def train_step(
    hparams: Hparams, state: TrainState, draws: Any, realise: Callable[[Any], Batch], *, spec: Spec, slices: int = 1
) -> tuple[TrainState, Float[Array, ""]]:
    """One update on the batch `realise(draws)` (see `data.Estimator`), realised and used in `slices` slices one after another.

    A model whose loss, new parameters or optimizer state are not finite keeps the parameters and optimizer state from before
    that step from then on. Returns the state after the update, and the estimate of the objective before it, a sum over features.
    """
    loss, grads = _loss_and_grads(hparams, state.params, draws, realise, spec=spec, slices=slices)
    if spec.reduction == "mean":
        grads = jax.tree.map(lambda g: g / spec.n_features, grads)
    with jax.named_scope("optimizer"):
        updates, opt_state = optimizer.build(hparams, state.step, spec=spec).update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
    with jax.named_scope("guard"):
        finite = jax.tree.reduce(lambda ok, a: ok & jnp.isfinite(a).all(), (params, opt_state), jnp.isfinite(loss))
        keep = (state.diverged_at < 0) & finite
        params, opt_state = jax.tree.map(partial(jnp.where, keep), (params, opt_state), (state.params, state.opt_state))
    first_bad = (state.diverged_at < 0) & ~finite
    state = state.replace(
        step=state.step + 1, params=params, opt_state=opt_state, diverged_at=jnp.where(first_bad, state.step, state.diverged_at)
    )
    return state, loss


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
    realise = estimator.realise(hparams, spec)

    @jax.named_scope("draw")
    def draw(step: Array):
        return estimator.draw(jax.random.fold_in(data_key, step), spec)

    def body(_, carry):
        # Draws are carried because the compiler would otherwise make them again for every cell that shares them.
        state, draws = carry
        state, loss = train_step(hparams, state, draws, realise, spec=spec, slices=slices)
        return state.replace(history=_write_history(state, loss, spec=spec)), draw(state.step)

    return jax.lax.fori_loop(state.step, stop, body, (state, draw(state.step)))[0]
