"""The host loop over tiles of models and segments of steps: it saves, reports, and stops when asked to."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import jax
import numpy as np

from superposition_jax.engine import devices, stopping
from superposition_jax.engine.population import Programs
from superposition_jax.engine.tiles import Tile
from superposition_jax.sweep import Group, Results, take
from superposition_jax.types import FEATURE_NUMBERS, Hparams, TrainState

_FIRST_SEGMENT = 2
"""Steps of a tile's first segment."""
_SEGMENT_SECONDS = 0.5
"""About the duration of later segments."""


class Compiled(NamedTuple):
    """Report: a group's programs are ready for some of its models."""

    group: int
    models: int
    chunk: int
    """Models per device at a time."""
    seconds: float
    """0 if they were ready before."""


class Advanced(NamedTuple):
    """Report: a tile was trained for some steps."""

    models: int
    """Models in the tile, without padding."""
    steps: int
    seconds: float
    diverged: int
    """How many of the models have diverged so far."""


class Finished(NamedTuple):
    """Report: a tile is evaluated, and its results are on the host."""

    models: int
    """Those that are finished by it: none if they are evaluated again."""
    seconds: float
    diverged: int


class ChunkReduced(NamedTuple):
    """Report: a group's tiles do not fit into the memory, and are made smaller."""

    group: int
    chunk: int
    """Models per device at a time from now on."""
    needed: float
    """Bytes that the larger tiles would take; 0 if they were found too large by running out of memory."""
    free: float
    """Bytes that are free."""


class ProgramsIgnored(NamedTuple):
    """Report: a group's programs on disk were not used, since somebody else could have written them."""

    group: int
    why: str


class Resumed(NamedTuple):
    """Report: an earlier process has trained some models for some steps."""

    models: int
    steps: int


Start = Results
"""Initial parameters of many models by name, (model, …)."""
ByTile = Iterator[tuple[np.ndarray, Results]]
"""Results as tiles are finished: places of the tile's models in their group, and arrays (model, …)."""
Report = Callable[[Compiled | Advanced | Finished | Resumed | ChunkReduced | ProgramsIgnored], None]


class ModelStore(Protocol):
    """Storage of finished models, and of the state of the tile that trains."""

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are stored, (point,)."""

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, Results]]:
        """Places among the points, and results, of those that are stored."""

    def write(self, group: Group, places: np.ndarray, results: Results) -> None:
        """Store the results of the models at some places of a group."""

    def state_is_due(self) -> bool:
        """Whether it is time to save the state of the tile that trains."""

    def save_state(self, points: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Save the state of a tile at a step."""

    def load_state(self, points: np.ndarray) -> tuple[int, list[np.ndarray]] | None:
        """Step and state of a tile, if they are stored."""


def collect(models: int, by_tile: ByTile) -> Results:
    """Results of `models` models, (model, …), from those of tiles."""
    collected: Results = {}
    for places, results in by_tile:
        for name, value in results.items():
            if name not in collected:
                collected[name] = np.empty((models, *value.shape[1:]), value.dtype)
            collected[name][places] = value
    return collected


def run(
    programs: Programs,
    group: Group,
    tiles: list[Tile],
    report: Report,
    store: ModelStore | None = None,
    start: Start | None = None,
) -> ByTile:
    """Train and evaluate tiles of a group's models, if `start` is given from those parameters.

    Yields for every tile the places of its models in the group and their results.
    """
    for tile in tiles:
        state, hparams, diverged = _advance(programs, group, tile, report, store, start)
        began = time.perf_counter()
        results = devices.to_host(devices.run_program(programs.finish, hparams, state, tile.real, np.uint32(0)))
        report(Finished(int(tile.real.sum()), time.perf_counter() - began, diverged))
        numbers = {f"feature_{name}": getattr(hparams, name) for name in FEATURE_NUMBERS}
        yield tile.places[tile.real], {name: value[tile.real] for name, value in (results | numbers).items()}
        stopping.stop_if_asked()


def evaluate_again(programs: Programs, group: Group, tiles: list[Tile], params: Start, report: Report) -> ByTile:
    """Losses of a group's models with given parameters by other draws than those of `run`, as `run` yields results."""
    for tile in tiles:
        began = time.perf_counter()
        seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
        state = devices.run_program(programs.start, seeds, hparams)
        state = _with_params(state, {name: params[name][tile.places] for name in state.params})
        results = devices.to_host(devices.run_program(programs.finish, hparams, state, tile.real, np.uint32(1)))
        report(Finished(0, time.perf_counter() - began, 0))
        names = {"loss_again": "loss", "loss_again_stderr": "loss_stderr"}
        yield tile.places[tile.real], {again: results[name][tile.real] for again, name in names.items()}


def _advance(
    programs: Programs, group: Group, tile: Tile, report: Report, store: ModelStore | None, start: Start | None
) -> tuple[TrainState, Hparams, int]:
    """Train one tile in segments. Returns its final state, its numbers, and how many of its models have diverged."""
    seeds, hparams = group.seeds[tile.places[:, 0]].astype(np.uint32), take(group.hparams, tile.places)
    points, state = group.points[tile.places], devices.run_program(programs.start, seeds, hparams)
    done, segment, diverged = 0, _FIRST_SEGMENT, 0
    if start is not None:
        state = _with_params(state, {name: start[name][tile.places] for name in state.params})
    elif saved := store.load_state(points) if store else None:
        done, state = _restored(state, *saved)
        if done:
            report(Resumed(int(tile.real.sum()), done))
    while done < group.spec.steps:
        began = time.perf_counter()
        stop = min(done + segment, group.spec.steps)
        state = devices.run_program(programs.advance, seeds, hparams, state, np.int32(stop))
        diverged = int(np.sum((devices.to_host(state.diverged_at) >= 0) & tile.real))  # waits for the segment
        seconds = time.perf_counter() - began
        report(Advanced(int(tile.real.sum()), stop - done, seconds, diverged))
        segment = devices.from_first_process(max(1, int(segment * min(16.0, _SEGMENT_SECONDS / max(seconds, 1e-9)))))
        done = stop
        if store and done < group.spec.steps and (store.state_is_due() or stopping.asked()):
            store.save_state(points, done, jax.device_get(jax.tree.leaves(state)))
        if done < group.spec.steps:
            stopping.stop_if_asked()
    return state, hparams, diverged


def _with_params(state: TrainState, params: Start) -> TrainState:
    """An initial state with other parameters (seed, cell, …), which are its snapshots too."""
    snapshots = {name: np.repeat(params[name][:, :, None], old.shape[2], 2) for name, old in state.history.snapshots.items()}
    new = state.replace(params=params, history=state.history.replace(snapshots=snapshots))
    return jax.device_put(new, jax.tree.map(lambda old: old.sharding, state))


def _restored(state: TrainState, step: int, leaves: list[np.ndarray]) -> tuple[int, TrainState]:
    """The saved step and state; step 0 and the initial state if the saved one has another form."""
    old, form = jax.tree.flatten(state)
    if [(leaf.shape, leaf.dtype) for leaf in old] != [(leaf.shape, leaf.dtype) for leaf in leaves]:
        return 0, state
    return step, form.unflatten([jax.device_put(new, leaf.sharding) for new, leaf in zip(leaves, old, strict=True)])
