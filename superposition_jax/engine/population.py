"""Many models in one compiled program: the only file that maps over models, compiles, donates and shards.

A program trains a tile of models, (seed, cell). The inner map, over cells, does not map the key, so all cells of a seed share
their draws and random numbers cost by the seed. A 1-D mesh `("model",)` divides the tile's rows among the devices, which never
communicate.
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

from superposition_jax.core import evaluation, geometry, model, random, train
from superposition_jax.engine import program_cache, tuning
from superposition_jax.types import FEATURE_NUMBERS, Hparams, Spec, TrainState


def _compile(lowered: Any, options: dict[str, Any]) -> Any:
    """Compile, leaving out options that this version of XLA does not have."""
    try:
        return lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        unknown = [name for name in options if f"No such compile option: '{name}'" in str(error)]
        if not unknown:
            raise
        return _compile(lowered, {name: value for name, value in options.items() if name not in unknown})


def _state(step: Any, models: Any) -> Any:
    """A tree prefix of TrainState: one entry for the step, which all models share, and one for all that differs by model."""
    return TrainState(step=step, params=models, opt_state=models, diverged_at=models, history=models, statistics=models)


_MODELS = _state(None, 0)
"""The axes of a state that are mapped over."""


def _vmap(function, in_axes, out_axes, size: int):
    """`jax.vmap` over `size` models. An axis of length 1 is squeezed, because XLA:CPU copies the operands of its products."""
    if size > 1:
        return jax.vmap(function, in_axes, out_axes)

    def change_mapped(axes, tree, change):
        return jax.tree.map(
            lambda axis, leaf: leaf if axis is None else jax.tree.map(change, leaf), axes, tree, is_leaf=lambda axis: axis is None
        )

    def squeezed(*arguments):
        return change_mapped(out_axes, function(*change_mapped(in_axes, arguments, lambda a: a[0])), lambda a: a[None])

    return squeezed


def _over_cells_and_seeds(function, in_axes, out_axes, hparams: Hparams):
    """Map over the cells and seeds of `hparams` (seed, cell, …); an argument marked "seed" has no cell axis."""
    seeds, cells = hparams.learning_rate.shape
    inner = _vmap(function, tuple(None if a == "seed" else a for a in in_axes), out_axes, cells)
    return _vmap(inner, tuple(0 if a == "seed" else a for a in in_axes), out_axes, seeds)


def start(seeds: jax.Array, hparams: Hparams, *, spec: Spec) -> TrainState:
    """Initial states (seed, cell, …) from seeds (seed,) and numbers (seed, cell, …)."""
    one = partial(train.init_state, spec=spec)
    return _over_cells_and_seeds(one, ("seed", 0), _MODELS, hparams)(jax.vmap(random.key)(seeds), hparams)


def advance(seeds: jax.Array, hparams: Hparams, state: TrainState, stop: jax.Array, *, spec: Spec, slices: int) -> TrainState:
    """Train every model up to step `stop`, using each batch in `slices` slices."""
    one = partial(train.train_steps, spec=spec, slices=slices)
    mapped = _over_cells_and_seeds(one, ("seed", 0, _MODELS, None), _MODELS, hparams)
    return mapped(jax.vmap(random.key)(seeds), hparams, state, stop)


def finish(hparams: Hparams, state: TrainState, real: jax.Array, draws: jax.Array, *, spec: Spec, at_once: int) -> dict[str, Any]:
    """Results of the trained models by name, (seed, cell, …), all evaluated by the key of the number `draws`.

    At most `at_once` models are evaluated at a time; where none of these is `real` (seed, cell), results are 0.
    """
    key = random.key(draws)

    def one(hparams: Hparams, state: TrainState) -> dict[str, Any]:
        kind, snapshots = model.MODELS[spec.kind], state.history.snapshots
        params = kind.gauge(state.params, spec)
        return (
            params
            | evaluation.evaluate(key, hparams, params, spec=spec)
            | geometry.measure(model.directions(params, spec=spec))
            | {"loss_curve": state.history.loss_curve, "diverged_at": state.diverged_at}
            | {f"{name}_snapshots": value for name, value in (kind.gauge(snapshots, spec) if snapshots else {}).items()}
        )

    shape = hparams.learning_rate.shape
    models = shape[0] * shape[1]
    at_once = next(size for size in range(min(at_once, models), 0, -1) if models % size == 0)

    def reshape(tree, *sizes: int):
        return jax.tree.map(lambda a: a.reshape(*sizes, *a.shape[2:]), tree)

    evaluate = _vmap(one, (0, 0), 0, at_once)

    def nothing(*some: Any) -> dict[str, Any]:
        return jax.tree.map(jnp.zeros_like, jax.eval_shape(evaluate, *some))

    parts = reshape((real, hparams, state.replace(step=jnp.zeros(shape))), -1, at_once)
    results = jax.lax.map(lambda some: jax.lax.cond(some[0].any(), evaluate, nothing, *some[1:]), parts)
    return reshape(results, *shape)


def result_bytes(spec: Spec, hparams: Hparams) -> int:
    """Bytes of the results of one model; `hparams` are those of some (model, …)."""
    one = jax.tree.map(lambda a: jax.ShapeDtypeStruct((1, 1, *a.shape[1:]), jnp.float32), hparams)
    state = jax.eval_shape(partial(start, spec=spec), jax.ShapeDtypeStruct((1,), jnp.uint32), one)
    numbers = [getattr(one, name) for name in FEATURE_NUMBERS]
    results = jax.eval_shape(partial(finish, spec=spec, at_once=1), one, state, jnp.ones((1, 1), bool), jnp.uint32(0))
    arrays = [*jax.tree.leaves(results), *numbers]
    return sum(a.size * a.dtype.itemsize for a in arrays)


def over_models(
    function: Callable[..., Any], *trees: Any, at_a_time: int | None = None, devices: Sequence[jax.Device] | None = None
) -> Any:
    """Results (model, …) on the host of a function of one model's trees, mapped over the `trees` (model, …) of many models.

    It is one compiled program on `devices`, by default all of this process, with at most `at_a_time` models (None: all) in a
    device's memory together.

    >>> over_models(lambda w: {"square": w * w}, np.arange(3.0))["square"].tolist()
    [0.0, 1.0, 4.0]
    """
    count = len(jax.tree.leaves(trees)[0])
    devices = (devices or jax.local_devices())[: max(1, count)]
    per_device = -(-count // len(devices))
    mesh, models = Mesh(np.asarray(devices), ("model",)), P("model")
    padded = jax.tree.map(lambda a: np.resize(np.asarray(a), (per_device * len(devices), *np.shape(a)[1:])), trees)

    def on_a_device(trees: Any) -> Any:
        return jax.lax.map(lambda one: function(*one), trees, batch_size=at_a_time or per_device)

    mapped = jax.shard_map(on_a_device, mesh=mesh, in_specs=models, out_specs=models, check_vma=False)
    program = _compile(jax.jit(mapped).lower(padded), tuning.quick_to_compile(devices[0].platform))
    return jax.tree.map(lambda a: a[:count], jax.device_get(program(padded)))


class Programs(NamedTuple):
    """The three compiled programs of one Spec and one shape of tile, and the seconds that compiling took."""

    start: Any
    advance: Any
    finish: Any
    compile_seconds: float
    ignored: str = ""
    """Why programs on disk were not trusted."""


def make_mesh(devices: int | None) -> Mesh:
    """A 1-D mesh over the first `devices` devices of every process, all of them by default."""
    used = [device for process in range(jax.process_count()) for device in jax.local_devices(process)[:devices]]
    return jax.make_mesh((len(used),), ("model",), axis_types=(jax.sharding.AxisType.Auto,), devices=used)


def jitted(spec: Spec, mesh: Mesh) -> dict[str, Any]:
    """The jitted programs, with a tile's rows divided among the devices of a mesh. States are donated."""
    models = P("model")
    state = _state(P(), models)

    def sharded(function, in_specs, out_specs, donate=()):
        mapped = jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
        return jax.jit(mapped, donate_argnums=donate)

    platform = mesh.devices.flat[0].platform
    advance_here = partial(advance, spec=spec, slices=tuning.slices(spec, platform))
    finish_here = partial(finish, spec=spec, at_once=tuning.evaluated_at_once(spec, platform))
    return {
        "start": sharded(partial(start, spec=spec), (models, models), state),
        "advance": sharded(advance_here, (models, models, state, P()), state, donate=2),
        "finish": sharded(finish_here, (models, state, models, P()), models),
    }


def build(spec: Spec, mesh: Mesh, hparams: Hparams, *, models: int, keep: bool = False) -> Programs:
    """The programs for a tile of models shaped like `hparams` (seed, cell, …), which are going to train `models` models in all.

    With `keep` they are read from the disk, if an earlier process has saved them, or else saved there.
    """
    began = time.perf_counter()
    devices = [*mesh.devices.flat]
    options = partial(tuning.compiler_options, spec, devices[0].platform, models=models)
    shape, slices = hparams.learning_rate.shape, tuning.slices(spec, devices[0].platform)
    keep = keep and jax.process_count() == 1 and program_cache.can_keep()
    file = program_cache.file_of(devices, spec, shape, slices, options("advance")) if keep else None
    compiled, ignored = None, ""
    try:
        compiled = program_cache.load(file, devices) if file else None
    except program_cache.Untrusted as error:
        ignored = str(error)
    if compiled is None:
        compiled = _compile_all(spec, mesh, hparams, options)
        if file:
            program_cache.save(file, compiled)
    return Programs(**compiled, compile_seconds=time.perf_counter() - began, ignored=ignored)


def _compile_all(spec: Spec, mesh: Mesh, hparams: Hparams, options) -> dict[str, Any]:
    functions = jitted(spec, mesh)
    numbers = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, jnp.float32), hparams)
    seeds = jax.ShapeDtypeStruct((hparams.learning_rate.shape[0],), jnp.uint32)
    state = jax.eval_shape(functions["start"], seeds, numbers)
    stop, draws = (jax.ShapeDtypeStruct((), dtype) for dtype in (jnp.int32, jnp.uint32))
    real = jax.ShapeDtypeStruct(hparams.learning_rate.shape, bool)
    arguments = {"start": (seeds, numbers), "advance": (seeds, numbers, state, stop), "finish": (numbers, state, real, draws)}
    with ThreadPoolExecutor() as pool:  # while one program compiles, the next is traced
        lowered = ((name, functions[name].lower(*arguments[name])) for name in ("advance", "finish", "start"))
        pending = {name: pool.submit(_compile, program, options(name)) for name, program in lowered}
        return {name: future.result() for name, future in pending.items()}
