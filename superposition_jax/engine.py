"""The host loop: groups of equal Spec, rectangles of models, segments of steps. It reports what happens and prints nothing."""

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from superposition_jax import population, tuning
from superposition_jax.errors import ConfigError
from superposition_jax.evaluation import evaluation_spec
from superposition_jax.sweep import Group, take, tiling
from superposition_jax.types import Spec

_SEGMENT_SECONDS = 0.5


class Compiled(NamedTuple):
    """A group's programs are ready."""

    spec: Spec
    models: int
    seconds: float
    rectangles: int


class Advanced(NamedTuple):
    """Some models (padding not counted) have gone on by some steps; `diverged` of all models of the rectangle are frozen."""

    models: int
    steps: int
    seconds: float
    diverged: int


class Finished(NamedTuple):
    """A rectangle is evaluated and fetched."""

    models: int
    seconds: float
    diverged: int


Report = Callable[[Compiled | Advanced | Finished], None]


def model_bytes(spec: Spec) -> int:
    """Estimate of the working memory of one model: four (feature, batch) arrays, W with its gradient and moments, WᵀW."""
    batch = spec.n_features * max(spec.points, evaluation_spec(spec).points)
    return 16 * (batch + 2 * spec.n_features * spec.n_hidden + spec.n_features**2)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_devices(devices: int | None) -> None:
    """Give the CPU one device a core (or `devices`), which must happen before JAX starts; later calls change nothing."""
    try:
        jax.config.update("jax_num_cpu_devices", devices or _cores())
    except RuntimeError:  # JAX has started: its devices are what they are
        return


def train(
    groups: Sequence[Group], *, devices: int | None, chunk: int | None, report: Report, keep: bool = False
) -> list[dict[str, np.ndarray]]:
    """Train and evaluate all groups; `keep` leaves the compiled programs on disk for the next process.

    Returns for every group its results by name, each an array (point, …) in the order of the group's points.
    """
    set_devices(devices)
    if (devices or 0) > jax.local_device_count():
        raise ConfigError(f"runtime.devices = {devices}: this process has {jax.local_device_count()}")
    mesh = population.make_mesh(devices)
    return [_train_group(group, mesh, chunk, report, keep) for group in groups]


def _train_group(group: Group, mesh, chunk: int | None, report: Report, keep: bool) -> dict[str, np.ndarray]:
    spec, n_models = group.spec, len(group.points)
    at_once = chunk or mesh.size * tuning.models_at_once(spec, mesh.devices.flat[0].platform)
    cover = tiling(group.seeds, at_once, mesh.size)
    first = take(group.hparams, cover.tiles[0].places)
    programs = population.build(spec, mesh, first, by_seed=cover.by_seed, models=n_models, keep=keep)
    report(Compiled(spec, n_models, programs.compile_seconds, len(cover.tiles)))

    results: dict[str, np.ndarray] = {}
    for tile in cover.tiles:
        seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
        models = int(tile.real.sum())
        state = programs.start(seeds, hparams)
        done, segment = 0, 25
        while done < spec.steps:
            began = time.perf_counter()
            stop = min(done + segment, spec.steps)
            state = programs.advance(seeds, hparams, state, np.int32(stop))
            diverged = int(np.sum((np.asarray(state.diverged_at) >= 0) & tile.real))  # waits for the segment
            seconds = time.perf_counter() - began
            report(Advanced(models, stop - done, seconds, diverged))
            segment = int(max(25, segment * min(4.0, _SEGMENT_SECONDS / max(seconds, 1e-9))))
            done = stop
        began = time.perf_counter()
        fetched = jax.device_get(programs.finish(hparams, state))
        for name, value in fetched.items():
            if name not in results:
                results[name] = np.empty((n_models, *value.shape[2:]), value.dtype)
            results[name][tile.places[tile.real]] = value[tile.real]
        report(Finished(models, time.perf_counter() - began, diverged))
    return results
