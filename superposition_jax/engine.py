"""The host loop: groups of equal Spec, rectangles of models, segments of steps. It reports what happens and prints nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import jax
import numpy as np

from superposition_jax import population, processes, tuning
from superposition_jax.errors import ConfigError
from superposition_jax.evaluation import evaluation_spec
from superposition_jax.sweep import Group, Tile, fitting, of_size, rectangles, share, take
from superposition_jax.types import PARAMS, Hparams, Spec, TrainState

_SEGMENT_SECONDS = 0.5
_GENTLE = 0.2


class Compiled(NamedTuple):
    """A group's programs are ready for some of its models."""

    group: int
    models: int
    seconds: float


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


class Found(NamedTuple):
    """Some models of a group were trained by an earlier process."""

    group: int
    models: int


Results = dict[str, np.ndarray]
"""Arrays on the host by name, each (model, …)."""
Start = Results
"""Parameters of many models."""
Report = Callable[[Compiled | Advanced | Finished | Found], None]


class Store(Protocol):
    """Where finished models are kept while others train."""

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are there."""

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, Results]]:
        """Those that are there: places among the points, and results."""

    def write(self, group: Group, places: np.ndarray, results: Results) -> None:
        """Keep the results of a group's models at some places."""


def model_bytes(spec: Spec) -> int:
    """Estimate of the working memory of one model: four (feature, batch) arrays, W with its gradient and moments, WᵀW."""
    batch = spec.n_features * max(spec.points, evaluation_spec(spec).points)
    return 16 * (batch + 2 * spec.n_features * spec.n_hidden + spec.n_features**2)


class Trainer:
    """Groups and their compiled programs: trains all models, or a share, and then some of them again from given parameters."""

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        devices: int | None,
        chunk: int | None,
        keep: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        """`keep` leaves the compiled programs on disk for the next process; shard (i, N) trains share i of N."""
        processes.start(devices)
        if (devices or 0) > jax.local_device_count():
            raise ConfigError(f"runtime.devices = {devices}: this process has {jax.local_device_count()}")
        self.groups, self._chunk, self._keep = groups, chunk, keep
        self._shards, self._shares = shard[1], share(groups, *shard)
        self._mesh = population.make_mesh(devices)
        self._programs: dict[int, tuple[population.Programs, tuple[int, int]]] = {}

    @property
    def models(self) -> int:
        """How many models are this process's to train."""
        return sum(map(len, self._shares))

    @property
    def model_steps(self) -> int:
        """Their steps together."""
        return sum(len(share) * group.spec.steps for share, group in zip(self._shares, self.groups, strict=True))

    def train(self, report: Report, store: Store | None = None) -> list[Results]:
        """Train and evaluate all groups: for every group its results, arrays (point, …) in the order of its points.

        Models that are in `store` are read from there, and others are kept in it as soon as they are finished.
        """
        return [_collect(len(group.points), self._pieces(number, report, store)) for number, group in enumerate(self.groups)]

    def train_share(self, report: Report, store: Store) -> None:
        """Train this process's share of the models into a store."""
        for number in range(len(self.groups)):
            for _ in self._pieces(number, report, store):
                pass

    def _pieces(self, number: int, report: Report, store: Store | None) -> Iterator[tuple[np.ndarray, Results]]:
        """A group's results as they come: places in the group, and arrays."""
        group, todo = self.groups[number], self._shares[number]
        if store:
            there = store.has(group.points[todo])
            if there.any():
                report(Found(number, int(there.sum())))
            for found, results in store.read(group.points[todo]):
                yield todo[found], results
            todo = todo[~there]
        if not todo.size:
            return
        programs, shape = self._compiled(number)
        report(Compiled(number, len(todo), programs.compile_seconds))
        for places, results in _run(programs, group, rectangles(group.seeds, todo, shape), report):
            if store:
                store.write(group, places, results)
            yield places, results

    def retrain(self, points: np.ndarray, start: Start) -> list[tuple[np.ndarray, Group, Results]]:
        """Train models of the sweep, given by their flat points (k,), once more from parameters `start` (k, …).

        They are near their end: their learning rate is a fifth of the sweep's. W and b are cut to their group's sizes. They run
        in the compiled rectangles of their groups. Returns for every group that has some of them: which of the k they are, those
        models as a group, and their results.
        """
        found = []
        for number, whole in enumerate(self.groups):
            order = np.argsort(whole.points)
            here = np.flatnonzero(np.isin(points, whole.points))
            if not here.size:
                continue
            places = order[np.searchsorted(whole.points, points[here], sorter=order)]
            hparams = take(whole.hparams, places)
            hparams = hparams.replace(learning_rate=_GENTLE * hparams.learning_rate)
            group = Group(whole.spec, hparams, whole.seeds[places], whole.points[places])
            programs, shape = self._compiled(number)
            sizes = {"hidden": whole.spec.n_hidden, "feature": whole.spec.n_features}
            own = {
                name: values[here][np.ix_(np.arange(len(here)), *(np.arange(sizes[dim]) for dim in PARAMS[name].dims))]
                for name, values in start.items()
            }
            tiles = rectangles(group.seeds, np.arange(len(here)), shape)
            found.append((here, group, _collect(len(here), _run(programs, group, tiles, lambda report: None, own))))
        return found

    def _compiled(self, number: int) -> tuple[population.Programs, tuple[int, int]]:
        """A group's programs, for rectangles whose shape does not depend on what of the group there is still to train."""
        if number not in self._programs:
            group, mesh = self.groups[number], self._mesh
            most = tuning.models_at_once(group.spec, mesh.devices.flat[0].platform)
            rows, cells = (
                of_size(group.seeds, self._chunk) if self._chunk else fitting(group.seeds, most, mesh.size * self._shards)
            )
            shape = rows * mesh.size, cells
            first = take(group.hparams, np.zeros(shape, int))
            built = population.build(group.spec, mesh, first, models=len(group.points), keep=self._keep)
            self._programs[number] = built, shape
        return self._programs[number]


def _collect(models: int, pieces: Iterable[tuple[np.ndarray, Results]]) -> Results:
    """Pieces of the results of so many models, put together."""
    whole: Results = {}
    for places, results in pieces:
        for name, value in results.items():
            if name not in whole:
                whole[name] = np.empty((models, *value.shape[1:]), value.dtype)
            whole[name][places] = value
    return whole


def _run(
    programs: population.Programs, group: Group, tiles: Sequence[Tile], report: Report, start: Start | None = None
) -> Iterator[tuple[np.ndarray, Results]]:
    """Train and evaluate tiles of a group's models, from parameters `start` (point, …) if they are given."""
    for tile in tiles:
        state, hparams, diverged = _advance(programs, group, tile, report, start)
        began = time.perf_counter()
        fetched = processes.fetch(processes.call(programs.finish, hparams, state))
        report(Finished(int(tile.real.sum()), time.perf_counter() - began, diverged))
        yield tile.places[tile.real], {name: value[tile.real] for name, value in fetched.items()}


def _advance(
    programs: population.Programs, group: Group, tile: Tile, report: Report, start: Start | None
) -> tuple[TrainState, Hparams, int]:
    """Train one tile, in segments of about half a second: its final state, its numbers, and how many have diverged."""
    seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
    state = processes.call(programs.start, seeds, hparams)
    if start is not None:
        given = {name: start[name][tile.places] for name in state.params}
        state = state.replace(params=jax.device_put(given, jax.tree.map(lambda old: old.sharding, state.params)))
        shots = {name: np.repeat(given[name][:, :, None], old.shape[2], 2) for name, old in state.record.snapshots.items()}
        shots = jax.device_put(shots, jax.tree.map(lambda old: old.sharding, state.record.snapshots))
        state = state.replace(record=state.record.replace(snapshots=shots))
    done, segment, diverged = 0, 25, 0
    while done < group.spec.steps:
        began = time.perf_counter()
        stop = min(done + segment, group.spec.steps)
        state = processes.call(programs.advance, seeds, hparams, state, np.int32(stop))
        diverged = int(np.sum((processes.fetch(state.diverged_at) >= 0) & tile.real))  # waits for the segment
        seconds = time.perf_counter() - began
        report(Advanced(int(tile.real.sum()), stop - done, seconds, diverged))
        segment = processes.agreed(int(max(25, segment * min(4.0, _SEGMENT_SECONDS / max(seconds, 1e-9)))))
        done = stop
    return state, hparams, diverged
