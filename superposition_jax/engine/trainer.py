"""The host loop over groups of equal Spec: their programs, and tiles that fit into the memory. It reports and prints nothing."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import numpy as np

from superposition_jax.core import evaluation
from superposition_jax.engine import memory, population, segments, tuning
from superposition_jax.engine.devices import usable
from superposition_jax.engine.segments import ByTile, ChunkReduced, Compiled, ModelStore, ProgramsIgnored, Report, Resumed, Start
from superposition_jax.engine.tiles import cover, tile_shape, tile_shape_of_chunk
from superposition_jax.errors import ConfigError
from superposition_jax.sweep import Group, Results, best_seeds, shard_places, take
from superposition_jax.types import PARAMS

_RETRAIN_RATE = 0.2
"""Learning rate of training from given parameters, relative to the sweep's."""
_EXHAUSTED = ("RESOURCE_EXHAUSTED", "Out of memory", "YNNPACK operation failed")
"""Words in XLA's errors where there is too little memory."""


class Trainer:
    """Groups and their compiled programs. Trains all models or a shard, and can train some again from given parameters."""

    def __init__(
        self, groups: list[Group], *, devices: int | None, chunk: int | None, keep: bool = False, shard: tuple[int, int] = (0, 1)
    ) -> None:
        """Prepare to train on `devices` devices (None: all), `chunk` models per device at a time (None: by size and platform).

        With `keep` the compiled programs stay on disk for the next process; `shard` = (i, N) trains shard i of N.

        Raises:
          ConfigError: if there are fewer devices.
        """
        usable(devices)
        self.groups, self._chunk, self._keep = groups, chunk, keep
        self._shards, self._places = shard[1], shard_places(groups, *shard)
        self._mesh = population.make_mesh(devices)
        self.devices = list(self._mesh.local_devices)
        self._programs: dict[int, tuple[population.Programs, tuple[int, int]]] = {}
        self._chunks: dict[int, int] = {}

    @property
    def models(self) -> int:
        """The number of models that this process trains."""
        return sum(map(len, self._places))

    @property
    def model_steps(self) -> int:
        """The sum of their numbers of steps."""
        return sum(len(places) * group.spec.steps for places, group in zip(self._places, self.groups, strict=True))

    def train(self, report: Report, store: ModelStore | None = None) -> list[Results]:
        """Train and evaluate all groups. Returns for every group arrays (point, …) in the order of its points.

        Models that are in `store` are read from it, and others are written to it as soon as they are finished.

        Raises:
          ConfigError: if the results would not fit into the memory.
        """
        self._refuse_large_results()
        return [segments.collect(len(g.points), self._by_tile(k, report, store)) for k, g in enumerate(self.groups)]

    def train_shard(self, report: Report, store: ModelStore) -> None:
        """Train this process's shard of the models into a store."""
        for number in range(len(self.groups)):
            for _ in self._by_tile(number, report, store):
                pass

    def _by_tile(self, number: int, report: Report, store: ModelStore | None) -> ByTile:
        """A group's results as they are finished: places in the group, and arrays."""
        group, todo = self.groups[number], self._places[number]
        if store:
            is_stored = store.has(group.points[todo])
            if is_stored.any():
                report(Resumed(int(is_stored.sum()), group.spec.steps))
            for stored, results in store.read(group.points[todo]):
                yield todo[stored], results
            todo = todo[~is_stored]
        train = partial(segments.run, report=report, store=store)
        for places, results in self._in_tiles(number, group, todo, report, train):
            if store:
                store.write(group, places, results)
            yield places, results

    def _in_tiles(self, number: int, group: Group, todo: np.ndarray, report: Report, run: Callable[..., ByTile]) -> ByTile:
        """What `run(programs, group, tiles)` yields for the models at places `todo`, with smaller tiles where memory runs out.

        The models are some of the trainer's group of this number, whose programs are used.
        """
        done = np.zeros(len(group.points), bool)
        while not done[todo].all():
            is_new, (programs, shape) = number not in self._programs, self._compiled(number, report)
            left, seconds = todo[~done[todo]], programs.compile_seconds if is_new else 0.0
            report(Compiled(number, len(left), shape[0] // self._mesh.size * shape[1], seconds))
            try:
                for places, results in run(programs, group, cover(group.seeds, left, shape)):
                    done[places] = True
                    yield places, results
            except (MemoryError, jax.errors.JaxRuntimeError) as error:
                self._halve_chunk(number, error, report)

    def evaluate_again(self, results: list[Results], cells: np.ndarray, report: Report = lambda report: None) -> list[Results]:
        """The results of all groups, with losses of the cells' best seeds by draws of their own: a least loss reads too low.

        They are NaN for other models, and missing where evaluation draws nothing or no cell has several seeds. `cells` has the
        cell of every point of the trainer's groups.
        """
        return [values | self._losses_of_best(number, values, cells, report) for number, values in enumerate(results)]

    def _losses_of_best(self, number: int, results: Results, cells: np.ndarray, report: Report) -> Results:
        group = self.groups[number]
        if evaluation.evaluation_spec(group.spec).estimator == "quadrature":
            return {}
        best = best_seeds(cells[group.points], np.where(results["diverged_at"] < 0, results["loss"], np.inf))
        if not best.size:
            return {}
        params = {name: results[name][best] for name in PARAMS if name in results}
        evaluate = partial(segments.evaluate_again, params=params, report=report)
        some = replace(group.at(best), seeds=np.zeros(best.size, int))  # which no evaluation reads: rows of a tile may mix them
        again, by_tile = {}, self._in_tiles(number, some, np.arange(best.size), report, evaluate)
        for name, values in segments.collect(best.size, by_tile).items():
            again[name] = np.full(len(group.points), np.nan, np.float32)
            again[name][best] = values
        return again

    def retrain(self, points: np.ndarray, start: Start) -> list[tuple[np.ndarray, Group, Results]]:
        """Train models of the sweep again from parameters `start` (k, …), at a fifth of the sweep's learning rate.

        The models are given by their flat points (k,). Parameters are cut to the sizes of a model's group, and the programs of
        the group are used. Returns for every group that has some of the models: which of the k they are, these models as a
        group, and their results.
        """
        retrained = []
        for number, whole in enumerate(self.groups):
            order = np.argsort(whole.points)
            members = np.flatnonzero(np.isin(points, whole.points))
            if not members.size:
                continue
            places = order[np.searchsorted(whole.points, points[members], sorter=order)]
            group = whole.at(places)
            group = replace(group, hparams=group.hparams.replace(learning_rate=_RETRAIN_RATE * group.hparams.learning_rate))
            sizes = {"hidden": whole.spec.n_hidden, "feature": whole.spec.n_features}
            params = {name: v[(members, *(slice(sizes[dim]) for dim in PARAMS[name].dims))] for name, v in start.items()}
            train = partial(segments.run, report=lambda report: None, start=params)
            by_tile = self._in_tiles(number, group, np.arange(len(members)), lambda report: None, train)
            retrained.append((members, group, segments.collect(len(members), by_tile)))
        return retrained

    def _compiled(self, number: int, report: Report) -> tuple[population.Programs, tuple[int, int]]:
        """A group's programs and the shape of their tiles, which does not depend on how many models are still to be trained."""
        while number not in self._programs:
            group, mesh = self.groups[number], self._mesh
            chunk = self._chunks.get(number, self._chunk)
            most = tuning.models_at_once(group.spec, mesh.devices.flat[0].platform)
            by_size = tile_shape(group.seeds, most, mesh.size * self._shards)
            rows, cells = tile_shape_of_chunk(group.seeds, chunk) if chunk else by_size
            shape = rows * mesh.size, cells
            first, free = take(group.hparams, np.zeros(shape, int)), memory.free(mesh.devices.flat[0])
            built = population.build(group.spec, mesh, first, models=len(group.points), keep=self._keep)
            if built.ignored:
                report(ProgramsIgnored(number, built.ignored))
            sharing = len(mesh.local_devices) if mesh.devices.flat[0].platform == "cpu" else 1  # devices with one memory
            needed = sharing * max(map(memory.of_program, (built.start, built.advance, built.finish)))
            if needed > free and rows * cells > 1:
                self._chunks[number] = max(1, min(rows * cells // 2, int(rows * cells * free / needed)))
                report(ChunkReduced(number, self._chunks[number], needed, free))
            else:
                self._programs[number] = built, shape
        return self._programs[number]

    def _halve_chunk(self, number: int, error: Exception, report: Report) -> None:
        """Make a group's tiles smaller after they ran out of memory; raises any other error again."""
        _, (rows, cells) = self._programs.pop(number)
        chunk = rows // self._mesh.size * cells // 2
        exhausted = isinstance(error, MemoryError) or any(words in str(error) for words in _EXHAUSTED)
        if not exhausted or chunk < 1:
            raise error
        self._chunks[number] = chunk
        report(ChunkReduced(number, chunk, 0.0, memory.free(self._mesh.devices.flat[0])))

    def _refuse_large_results(self) -> None:
        """Refuse a sweep whose results do not fit into the memory, twice because they are copied onto the sweep's axes."""
        free = memory.free(jax.local_devices(backend="cpu")[0])
        if sum(len(g.points) * memory.of_model(g.spec) * (1 + len(g.spec.snapshot_steps)) for g in self.groups) < free:
            return  # roughly, and far too much: enough for most
        needed = 2 * sum(len(g.points) * population.result_bytes(g.spec, g.hparams) for g in self.groups)
        if needed > free:
            models = sum(len(group.points) for group in self.groups)
            raise ConfigError(
                f"sweep.axes = {models:,} models: their results take {needed / 2**30:.3g} GiB of memory, {free / 2**30:.3g} GiB "
                "are free; have fewer train.curve_points or train.snapshots, or train shards (runtime.shard)"
            )
