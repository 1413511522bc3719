"""The host loop over rectangles of models and segments of steps: it saves and reports, and stops when asked to."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import jax
import numpy as np

from superposition_jax.engine import devices, population, stopping
from superposition_jax.engine.tiles import Tile
from superposition_jax.sweep import Group, take
from superposition_jax.types import FEATURE_NUMBERS, Hparams, TrainState

_FIRST_SEGMENT = 2
_SEGMENT_SECONDS = 0.5


class Compiled(NamedTuple):
    """A group's programs are ready for some of its models, so many of a device at a time."""

    group: int
    models: int
    chunk: int
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


class ChunkReduced(NamedTuple):
    """A group's rectangles do not fit into the memory, and are made smaller: models of a device at a time."""

    group: int
    chunk: int
    needed: float
    """Bytes that the larger ones would take; 0 if nobody knew before they ran out."""
    free: float


class Resumed(NamedTuple):
    """Some models were trained for some steps by an earlier process."""

    models: int
    steps: int


Results = dict[str, np.ndarray]
"""Arrays on the host by name, each (model, …)."""
Start = Results
"""Parameters of many models."""
Report = Callable[[Compiled | Advanced | Finished | Resumed | ChunkReduced], None]


class ModelStore(Protocol):
    """Where finished models are kept while others train."""

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are there."""

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, Results]]:
        """Those that are there: places among the points, and results."""

    def write(self, group: Group, places: np.ndarray, results: Results) -> None:
        """Keep the results of a group's models at some places."""

    def state_is_due(self) -> bool:
        """Whether the state of what trains is to be saved again."""

    def save_state(self, points: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Save the state of a rectangle of models after some steps."""

    def load_state(self, points: np.ndarray) -> tuple[int, list[np.ndarray]] | None:
        """The saved state of a rectangle, if there is one."""


def collect(models: int, pieces: Iterable[tuple[np.ndarray, Results]]) -> Results:
    """Pieces of the results of so many models, put together."""
    whole: Results = {}
    for places, results in pieces:
        for name, value in results.items():
            if name not in whole:
                whole[name] = np.empty((models, *value.shape[1:]), value.dtype)
            whole[name][places] = value
    return whole


def run(
    programs: population.Programs,
    group: Group,
    tiles: Sequence[Tile],
    report: Report,
    store: ModelStore | None = None,
    start: Start | None = None,
) -> Iterator[tuple[np.ndarray, Results]]:
    """Train and evaluate tiles of a group's models, from parameters `start` (point, …) if they are given."""
    for tile in tiles:
        state, hparams, diverged = _advance(programs, group, tile, report, store, start)
        began = time.perf_counter()
        fetched = devices.fetch(devices.call(programs.finish, hparams, state))
        report(Finished(int(tile.real.sum()), time.perf_counter() - began, diverged))
        numbers = {f"feature_{name}": getattr(hparams, name) for name in FEATURE_NUMBERS}
        yield tile.places[tile.real], {name: value[tile.real] for name, value in (fetched | numbers).items()}
        stopping.stop_if_asked()


def _advance(
    programs: population.Programs, group: Group, tile: Tile, report: Report, store: ModelStore | None, start: Start | None
) -> tuple[TrainState, Hparams, int]:
    """Train one tile, in segments of about half a second: its final state, its numbers, and how many have diverged."""
    seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
    points, state = group.points[tile.places], devices.call(programs.start, seeds, hparams)
    done, segment, diverged = 0, _FIRST_SEGMENT, 0
    if start is not None:
        state = _from(state, {name: start[name][tile.places] for name in state.params})
    elif held := store.load_state(points) if store else None:
        done, state = _again(state, *held)
        if done:
            report(Resumed(int(tile.real.sum()), done))
    while done < group.spec.steps:
        began = time.perf_counter()
        stop = min(done + segment, group.spec.steps)
        state = devices.call(programs.advance, seeds, hparams, state, np.int32(stop))
        diverged = int(np.sum((devices.fetch(state.diverged_at) >= 0) & tile.real))  # waits for the segment
        seconds = time.perf_counter() - began
        report(Advanced(int(tile.real.sum()), stop - done, seconds, diverged))
        segment = devices.agreed(max(1, int(segment * min(4.0, _SEGMENT_SECONDS / max(seconds, 1e-9)))))
        done = stop
        if store and done < group.spec.steps and (store.state_is_due() or stopping.asked()):
            store.save_state(points, done, jax.device_get(jax.tree.leaves(state)))
        if done < group.spec.steps:
            stopping.stop_if_asked()
    return state, hparams, diverged


def _from(state: TrainState, given: Start) -> TrainState:
    """A state that starts from given parameters."""
    state = state.replace(params=jax.device_put(given, jax.tree.map(lambda old: old.sharding, state.params)))
    shots = {name: np.repeat(given[name][:, :, None], old.shape[2], 2) for name, old in state.history.snapshots.items()}
    shots = jax.device_put(shots, jax.tree.map(lambda old: old.sharding, state.history.snapshots))
    return state.replace(history=state.history.replace(snapshots=shots))


def _again(state: TrainState, step: int, leaves: list[np.ndarray]) -> tuple[int, TrainState]:
    """A saved state and its step; the start, if it is of another form."""
    old, form = jax.tree.flatten(state)
    if [(leaf.shape, leaf.dtype) for leaf in old] != [(leaf.shape, leaf.dtype) for leaf in leaves]:
        return 0, state
    return step, form.unflatten([jax.device_put(new, leaf.sharding) for new, leaf in zip(leaves, old, strict=True)])
