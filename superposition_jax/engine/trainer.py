"""The host loop over groups of equal Spec: programs, and rectangles of models that fit. It reports and prints nothing."""

from collections.abc import Iterator, Sequence

import jax
import numpy as np

from superposition_jax.engine import memory, population, segments, tuning
from superposition_jax.engine.devices import start_devices
from superposition_jax.engine.segments import ChunkReduced, Compiled, ModelStore, Report, Results, Resumed, Start
from superposition_jax.engine.tiles import fitting, of_size, rectangles
from superposition_jax.errors import ConfigError
from superposition_jax.sweep import Group, share, take
from superposition_jax.types import PARAMS

_GENTLE = 0.2
_EXHAUSTED = ("RESOURCE_EXHAUSTED", "Out of memory", "YNNPACK operation failed")
"""What XLA says where there is too little memory."""


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
        start_devices(devices)
        if (devices or 0) > jax.local_device_count():
            raise ConfigError(f"runtime.devices = {devices}: this process has {jax.local_device_count()}")
        self.groups, self._chunk, self._keep = groups, chunk, keep
        self._shards, self._shares = shard[1], share(groups, *shard)
        self._mesh = population.make_mesh(devices)
        self.devices = list(self._mesh.local_devices)
        self._programs: dict[int, tuple[population.Programs, tuple[int, int]]] = {}
        self._chunks: dict[int, int] = {}

    @property
    def models(self) -> int:
        """How many models are this process's to train."""
        return sum(map(len, self._shares))

    @property
    def model_steps(self) -> int:
        """Their steps together."""
        return sum(len(share) * group.spec.steps for share, group in zip(self._shares, self.groups, strict=True))

    def train(self, report: Report, store: ModelStore | None = None) -> list[Results]:
        """Train and evaluate all groups: for every group its results, arrays (point, …) in the order of its points.

        Models that are in `store` are read from there, and others are kept in it as soon as they are finished.
        """
        self._check_results()
        return [
            segments.collect(len(group.points), self._pieces(number, report, store)) for number, group in enumerate(self.groups)
        ]

    def train_share(self, report: Report, store: ModelStore) -> None:
        """Train this process's share of the models into a store."""
        for number in range(len(self.groups)):
            for _ in self._pieces(number, report, store):
                pass

    def _pieces(self, number: int, report: Report, store: ModelStore | None) -> Iterator[tuple[np.ndarray, Results]]:
        """A group's results as they come: places in the group, and arrays."""
        group, todo = self.groups[number], self._shares[number]
        if store:
            there = store.has(group.points[todo])
            if there.any():
                report(Resumed(int(there.sum()), group.spec.steps))
            for found, results in store.read(group.points[todo]):
                yield todo[found], results
            todo = todo[~there]
        done = np.zeros(len(group.points), bool)
        while not done[todo].all():
            programs, shape = self._compiled(number, report)
            left = todo[~done[todo]]
            report(Compiled(number, len(left), shape[0] // self._mesh.size * shape[1], programs.compile_seconds))
            try:
                for places, results in segments.run(programs, group, rectangles(group.seeds, left, shape), report, store):
                    if store:
                        store.write(group, places, results)
                    done[places] = True
                    yield places, results
            except (MemoryError, jax.errors.JaxRuntimeError) as error:
                self._halve(number, error, report)

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
            programs, shape = self._compiled(number, lambda report: None)
            sizes = {"hidden": whole.spec.n_hidden, "feature": whole.spec.n_features}
            own = {
                name: values[here][np.ix_(np.arange(len(here)), *(np.arange(sizes[dim]) for dim in PARAMS[name].dims))]
                for name, values in start.items()
            }
            tiles = rectangles(group.seeds, np.arange(len(here)), shape)
            found.append(
                (here, group, segments.collect(len(here), segments.run(programs, group, tiles, lambda report: None, start=own)))
            )
        return found

    def _compiled(self, number: int, report: Report) -> tuple[population.Programs, tuple[int, int]]:
        """A group's programs, for rectangles whose shape does not depend on what of the group there is still to train."""
        while number not in self._programs:
            group, mesh = self.groups[number], self._mesh
            chunk = self._chunks.get(number, self._chunk)
            most = tuning.models_at_once(group.spec, mesh.devices.flat[0].platform)
            rows, cells = of_size(group.seeds, chunk) if chunk else fitting(group.seeds, most, mesh.size * self._shards)
            shape = rows * mesh.size, cells
            first, free = take(group.hparams, np.zeros(shape, int)), memory.free(mesh.devices.flat[0])
            built = population.build(group.spec, mesh, first, models=len(group.points), keep=self._keep)
            together = len(mesh.local_devices) if mesh.devices.flat[0].platform == "cpu" else 1
            needed = together * max(map(memory.of_program, (built.start, built.advance, built.finish)))
            if needed > free and rows * cells > 1:
                self._chunks[number] = max(1, min(rows * cells // 2, int(rows * cells * free / needed)))
                report(ChunkReduced(number, self._chunks[number], needed, free))
            else:
                self._programs[number] = built, shape
        return self._programs[number]

    def _halve(self, number: int, error: Exception, report: Report) -> None:
        """Make a group's rectangles smaller after they ran out of memory; raises any other error again."""
        _, (rows, cells) = self._programs.pop(number)
        chunk = rows // self._mesh.size * cells // 2
        exhausted = isinstance(error, MemoryError) or any(words in str(error) for words in _EXHAUSTED)
        if not exhausted or chunk < 1:
            raise error
        self._chunks[number] = chunk
        report(ChunkReduced(number, chunk, 0.0, memory.free(self._mesh.devices.flat[0])))

    def _check_results(self) -> None:
        """Refuse a sweep whose results do not fit into the memory; they stand there twice when they are put on their axes."""
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
