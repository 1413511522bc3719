"""Many models in one compiled program: the only file that maps over models, compiles, donates and shards.

Models stand in a rectangle (seed, cell). The inner map, over cells, does not map the key, so all cells of a seed share
their draws, and random numbers cost by the seed. A 1-D mesh `("model",)` cuts the rectangle's rows; a device never talks to
another.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from superposition_jax.core import data, evaluation, geometry, model, objective, optimizer, random, targets, train
from superposition_jax.engine import program_cache, tuning
from superposition_jax.types import FEATURE_NUMBERS, Hparams, Spec, TrainState


def _compile(lowered: Any, options: dict[str, Any]) -> Any:
    """Compile with those of the options that this version of XLA has."""
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        unknown = [name for name in options if f"No such compile option: '{name}'" in str(error)]
        if not unknown:
            raise
        return _compile(lowered, {name: value for name, value in options.items() if name not in unknown})


def _state(step: Any, models: Any) -> Any:
    """A tree prefix for TrainState: one entry for the step that all models share, one for everything that each has."""
    return TrainState(step=step, params=models, opt_state=models, diverged_at=models, history=models)


_REGISTRIES = (
    *(model.MODELS, model.ACTIVATIONS, model.INITS, data.LAWS, data.ESTIMATORS, targets.TARGETS, objective.PENALTIES),
    *(optimizer.OPTIMIZERS, optimizer.SCHEDULES, evaluation.ESTIMATES, geometry.MEASURES),
)
"""All that programs are made of by name."""
_OURS = [dict(registry) for registry in _REGISTRIES]
"""As they are here: programs with functions of others are not kept, since their source is not among the surroundings."""
_EVALUATION_BYTES = 2**20
"""Of one (feature, batch) array over all models that are evaluated at a time."""

_MODELS = _state(None, 0)
"""Axes of a state to map over."""


def _vmap(function, in_axes, out_axes, size: int):
    """`jax.vmap` over `size` models; a side of one is taken off instead: on CPUs XLA copies what products of such a side take."""
    if size > 1:
        return jax.vmap(function, in_axes, out_axes)

    def each(axes, tree, change):
        return jax.tree.map(
            lambda axis, part: part if axis is None else jax.tree.map(change, part), axes, tree, is_leaf=lambda axis: axis is None
        )

    def alone(*arguments):
        return each(out_axes, function(*each(in_axes, arguments, lambda a: a[0])), lambda a: a[None])

    return alone


def _over_cells_and_seeds(function, in_axes, out_axes, hparams: Hparams):
    """Map over cells, then over seeds, as many as `hparams` has; an argument marked "seed" differs between seeds only."""
    seeds, cells = hparams.learning_rate.shape
    inner = _vmap(function, tuple(None if a == "seed" else a for a in in_axes), out_axes, cells)
    return _vmap(inner, tuple(0 if a == "seed" else a for a in in_axes), out_axes, seeds)


def start(seeds: jax.Array, hparams: Hparams, *, spec: Spec) -> TrainState:
    """Initial states (seed, cell, …) from seeds (seed,) and numbers (seed, cell, …)."""
    one = partial(train.init_state, spec=spec)
    return _over_cells_and_seeds(one, ("seed", 0), _MODELS, hparams)(jax.vmap(random.key)(seeds), hparams)


def advance(seeds: jax.Array, hparams: Hparams, state: TrainState, stop: jax.Array, *, spec: Spec, blocks: int) -> TrainState:
    """Train every model up to step `stop`, each batch in so many blocks."""
    one = partial(train.train_steps, spec=spec, blocks=blocks)
    mapped = _over_cells_and_seeds(one, ("seed", 0, _MODELS, None), _MODELS, hparams)
    return mapped(jax.vmap(random.key)(seeds), hparams, state, stop)


def finish(hparams: Hparams, state: TrainState, *, spec: Spec) -> dict[str, Any]:
    """Everything that is kept of the trained models, by the names of the results."""

    def one(hparams: Hparams, state: TrainState) -> dict[str, Any]:
        kind, snapshots = model.MODELS[spec.kind], state.history.snapshots
        params = kind.gauge(state.params, spec)
        return (
            params
            | evaluation.evaluate(hparams, params, spec=spec)
            | geometry.measure(model.directions(params, spec=spec))
            | {"loss_curve": state.history.loss_curve, "diverged_at": state.diverged_at}
            | {f"{name}_snapshots": value for name, value in (kind.gauge(snapshots, spec) if snapshots else {}).items()}
        )

    shape = hparams.learning_rate.shape
    block = _block(spec, shape[0] * shape[1])

    def flat(tree, *sizes: int):
        return jax.tree.map(lambda a: a.reshape(*sizes, *a.shape[2:]), tree)

    blocks = flat((hparams, state.replace(step=jnp.zeros(shape))), -1, block)
    results = jax.lax.map(lambda models: _vmap(one, (0, 0), 0, block)(*models), blocks)
    return flat(results, *shape)


def result_bytes(spec: Spec, hparams: Hparams) -> int:
    """Bytes of the results of one model; `hparams` are those of some (model, …)."""
    one = jax.tree.map(lambda a: jax.ShapeDtypeStruct((1, 1, *a.shape[1:]), jnp.float32), hparams)
    state = jax.eval_shape(partial(start, spec=spec), jax.ShapeDtypeStruct((1,), jnp.uint32), one)
    numbers = [getattr(one, name) for name in FEATURE_NUMBERS]
    arrays = [*jax.tree.leaves(jax.eval_shape(partial(finish, spec=spec), one, state)), *numbers]
    return sum(a.size * a.dtype.itemsize for a in arrays)


def _block(spec: Spec, models: int) -> int:
    """How many of so many models to evaluate at a time: as many as leave the evaluation's arrays of a size to be cached."""
    array = 4 * spec.n_features * evaluation.evaluation_spec(spec).points
    most = max(1, _EVALUATION_BYTES // array)
    return next(size for size in range(min(most, models), 0, -1) if models % size == 0)


def over_models(
    function: Callable[..., Any], *trees: Any, at_a_time: int | None = None, devices: Sequence[jax.Device] | None = None
) -> Any:
    """What a function of one model's trees of arrays makes of those of many, (model, …): in one compiled program, on some of
    this process's devices (None: all), on the host again.

    `at_a_time` bounds how many models are in a device's memory together; None: all.
    """
    count = len(jax.tree.leaves(trees)[0])
    devices = (devices or jax.local_devices())[: max(1, count)]
    share = -(-count // len(devices))
    mesh, models = Mesh(np.asarray(devices), ("model",)), P("model")
    filled = jax.tree.map(lambda a: np.resize(np.asarray(a), (share * len(devices), *np.shape(a)[1:])), trees)

    def of_a_device(trees: Any) -> Any:
        return jax.lax.map(lambda one: function(*one), trees, batch_size=at_a_time or share)

    mapped = jax.shard_map(of_a_device, mesh=mesh, in_specs=models, out_specs=models, check_vma=False)
    return jax.tree.map(lambda a: a[:count], jax.device_get(jax.jit(mapped)(filled)))


class Programs(NamedTuple):
    """The three compiled programs of one Spec and one rectangle, and what compiling took."""

    start: Any
    advance: Any
    finish: Any
    compile_seconds: float


def make_mesh(devices: int | None) -> Mesh:
    """A 1-D mesh over the first `devices` devices of every process, all of them by default."""
    own = [device for process in range(jax.process_count()) for device in jax.local_devices(process)[:devices]]
    return jax.make_mesh((len(own),), ("model",), axis_types=(jax.sharding.AxisType.Auto,), devices=own)


def _platform(mesh: Mesh) -> str:
    return mesh.devices.flat[0].platform


def jitted(spec: Spec, mesh: Mesh) -> dict[str, Any]:
    """The jitted programs with the rectangle's rows cut over the mesh. States are donated."""
    models = P("model")
    state = _state(P(), models)

    def cut(function, in_specs, out_specs, donate=()):
        mapped = jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
        return jax.jit(mapped, donate_argnums=donate)

    go_on = partial(advance, spec=spec, blocks=tuning.blocks(spec, _platform(mesh)))
    return {
        "start": cut(partial(start, spec=spec), (models, models), state),
        "advance": cut(go_on, (models, models, state, P()), state, donate=2),
        "finish": cut(partial(finish, spec=spec), (models, state), models),
    }


def build(spec: Spec, mesh: Mesh, hparams: Hparams, *, models: int, keep: bool = False) -> Programs:
    """The programs for a rectangle of models shaped like `hparams` (seed, cell, …), which will train so many in all.

    With `keep` they come from the disk if an earlier process has left them there, and else are left there.
    """
    began = time.perf_counter()
    devices = [*mesh.devices.flat]
    options = partial(tuning.compiler_options, spec, _platform(mesh), models=models)
    shape, blocks = hparams.learning_rate.shape, tuning.blocks(spec, _platform(mesh))
    keep = keep and jax.process_count() == 1 and [*map(dict, _REGISTRIES)] == _OURS
    file = program_cache.file_of(devices, spec, shape, blocks, options("advance")) if keep else None
    compiled = program_cache.load(file, devices) if file else None
    if compiled is None:
        compiled = _compile_all(spec, mesh, hparams, options)
        if file:
            program_cache.save(file, compiled)
    return Programs(**compiled, compile_seconds=time.perf_counter() - began)


def _compile_all(spec: Spec, mesh: Mesh, hparams: Hparams, options) -> dict[str, Any]:
    functions = jitted(spec, mesh)
    numbers = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, jnp.float32), hparams)
    seeds = jax.ShapeDtypeStruct((hparams.learning_rate.shape[0],), jnp.uint32)
    state = jax.eval_shape(functions["start"], seeds, numbers)
    stop = jax.ShapeDtypeStruct((), jnp.int32)
    arguments = {"start": (seeds, numbers), "advance": (seeds, numbers, state, stop), "finish": (numbers, state)}
    with ThreadPoolExecutor() as pool:  # while one program compiles, the next is traced
        pending = {
            name: pool.submit(_compile, functions[name].lower(*arguments[name]), options(name))
            for name in ("advance", "finish", "start")
        }
        return {name: future.result() for name, future in pending.items()}
