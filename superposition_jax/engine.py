"""The host loop: groups of equal Spec, rectangles of models, segments of steps. It reports what happens and prints nothing."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from superposition_jax import population, tuning
from superposition_jax.errors import ConfigError
from superposition_jax.evaluation import evaluation_spec
from superposition_jax.sweep import Group, Tile, Tiling, rectangles, take, tiling
from superposition_jax.types import Hparams, Spec, TrainState

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


Start = dict[str, np.ndarray]
"""Parameters of many models on the host, by name, each (model, …)."""
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


class Trainer:
    """Groups and their compiled programs: trains all models, and then some of them again from given parameters."""

    def __init__(self, groups: Sequence[Group], *, devices: int | None, chunk: int | None, keep: bool = False) -> None:
        """`keep` leaves the compiled programs on disk for the next process."""
        set_devices(devices)
        if (devices or 0) > jax.local_device_count():
            raise ConfigError(f"runtime.devices = {devices}: this process has {jax.local_device_count()}")
        self.groups, self._chunk, self._keep = groups, chunk, keep
        self._mesh = population.make_mesh(devices)
        self._programs: dict[int, tuple[population.Programs, Tiling]] = {}

    def train(self, report: Report) -> list[dict[str, np.ndarray]]:
        """Train and evaluate all groups: for every group its results by name, arrays (point, …) in the order of its points."""
        return [self._train(number, report) for number in range(len(self.groups))]

    def _train(self, number: int, report: Report) -> dict[str, np.ndarray]:
        group = self.groups[number]
        programs, cover = self._compiled(number)
        report(Compiled(group.spec, len(group.points), programs.compile_seconds, len(cover.tiles)))
        return _run(programs, group, cover.tiles, len(group.points), report)

    def retrain(self, number: int, places: np.ndarray, start: Start, rate: float, report: Report) -> dict[str, np.ndarray]:
        """Results (place, …) of models of a group, given by their places (place,) in it, that start from `start` (place, …).

        Their learning rate is `rate` times the group's. They run in the compiled rectangles of the group; where a batch is drawn,
        all models of a row see the draws of its first one's seed.
        """
        group = self.groups[number]
        programs, cover = self._compiled(number)
        shape = cover.tiles[0].places.shape
        chosen = Group(group.spec, take(group.hparams, places), group.seeds[places], group.points[places])
        chosen = replace(chosen, hparams=chosen.hparams.replace(learning_rate=rate * chosen.hparams.learning_rate))
        return _run(programs, chosen, rectangles(len(places), shape), len(places), report, start)

    def _compiled(self, number: int) -> tuple[population.Programs, Tiling]:
        if number not in self._programs:
            group, mesh = self.groups[number], self._mesh
            at_once = self._chunk or mesh.size * tuning.models_at_once(group.spec, mesh.devices.flat[0].platform)
            cover = tiling(group.seeds, at_once, mesh.size)
            first = take(group.hparams, cover.tiles[0].places)
            built = population.build(group.spec, mesh, first, by_seed=cover.by_seed, models=len(group.points), keep=self._keep)
            self._programs[number] = built, cover
        return self._programs[number]


def _run(
    programs: population.Programs, group: Group, tiles: Sequence[Tile], models: int, report: Report, start: Start | None = None
) -> dict[str, np.ndarray]:
    """Train and evaluate tiles of a group's models, from parameters `start` (point, …) if they are given."""
    results: dict[str, np.ndarray] = {}
    for tile in tiles:
        state, hparams, diverged = _advance(programs, group, tile, report, start)
        began = time.perf_counter()
        fetched = jax.device_get(programs.finish(hparams, state))
        for name, value in fetched.items():
            if name not in results:
                results[name] = np.empty((models, *value.shape[2:]), value.dtype)
            results[name][tile.places[tile.real]] = value[tile.real]
        report(Finished(int(tile.real.sum()), time.perf_counter() - began, diverged))
    return results


def _advance(
    programs: population.Programs, group: Group, tile: Tile, report: Report, start: Start | None
) -> tuple[TrainState, Hparams, int]:
    """Train one tile, in segments of about half a second: its final state, its numbers, and how many have diverged."""
    seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
    state = programs.start(seeds, hparams)
    if start is not None:
        given = {name: jax.device_put(start[name][tile.places], old.sharding) for name, old in state.params.items()}
        state = state.replace(params=given)
    done, segment, diverged = 0, 25, 0
    while done < group.spec.steps:
        began = time.perf_counter()
        stop = min(done + segment, group.spec.steps)
        state = programs.advance(seeds, hparams, state, np.int32(stop))
        diverged = int(np.sum((np.asarray(state.diverged_at) >= 0) & tile.real))  # waits for the segment
        seconds = time.perf_counter() - began
        report(Advanced(int(tile.real.sum()), stop - done, seconds, diverged))
        segment = int(max(25, segment * min(4.0, _SEGMENT_SECONDS / max(seconds, 1e-9))))
        done = stop
    return state, hparams, diverged


def train(groups: Sequence[Group], *, devices: int | None, chunk: int | None, report: Report, keep: bool = False):
    """`Trainer.train` for those who train once."""
    return Trainer(groups, devices=devices, chunk=chunk, keep=keep).train(report)
