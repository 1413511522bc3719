"""Finished models of a run on disk while others train: parts, in its folder of that name, each whole or not there.

A part's name ends with a digest of its content, so damage shows. It tells all about itself: config, versions and shard of
its run, the sweep's axes, and which of its points it has. So any process can add parts, and whoever finds all points can put
the results together. Reading executes nothing.
"""

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.errors import ConfigError
from superposition_jax.files import whole
from superposition_jax.results import Part, assemble
from superposition_jax.sweep import Axis, Grid, Group

_NAMED = 8
"""Shards that a message names."""


class Run(NamedTuple):
    """What every part says of its run."""

    config: dict[str, Any]
    """Leaves that its results depend on, flat."""
    attributes: dict[str, Any]
    """Of its Dataset."""
    axes: list[list[Any]]
    """Name, path, values and dimension of every axis of the sweep."""
    shard: str = "0/1"
    models: int = 0
    """Of its shard."""


class Parts:
    """The parts in a run's folder: those of earlier processes of the same run, and new ones."""

    def __init__(self, folder: Path, run: Run) -> None:
        """Raises ConfigError if there are parts of another run, or of another division into shards."""
        self.folder, self.run, self.damaged = folder / "parts", run, damaged(folder)
        self.files = [path for path in _paths(folder) if path not in self.damaged]
        self.runs, points = [_run(path) for path in self.files], [_points(path) for path in self.files]
        for path, theirs in zip(self.files, self.runs, strict=True):
            _check(path, theirs, run)
        self._points = np.concatenate([np.zeros(0, int), *points])
        self._file = np.repeat(np.arange(len(points)), [len(p) for p in points])
        order = np.argsort(self._points)
        self._points, self._file = self._points[order], self._file[order]
        _check_once(self.files, self._points, self._file)

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are there."""
        return np.isin(points, self._points)

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Results of those of some points that are there, file by file: places among the points, and arrays."""
        mine = np.flatnonzero(self.has(points))
        files = self._file[np.searchsorted(self._points, points[mine])]
        for number in np.unique(files):
            places = mine[files == number]
            part = _part(self.files[number])
            order = np.argsort(part.points)
            rows = order[np.searchsorted(part.points, points[places], sorter=order)]
            yield places, {name: values[rows] for name, values in part.arrays.items()}

    def write(self, group: Group, places: np.ndarray, results: dict[str, np.ndarray]) -> None:
        """Keep the results of a group's models at some places."""
        part = Part.of(group, results)
        header = json.dumps({"run": self.run._asdict(), "arrays": list(results)})
        arrays = {"header": np.array(header), "points": part.points[places]}
        arrays |= {f"array_{number}": values for number, values in enumerate(results.values())}
        arrays |= {f"steps_{dim}": values for dim, values in part.steps.items()}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        self.folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
        name = f"{self.run.shard.replace('/', '-of-')}_{part.points[places].min():09d}_{digest}.npz"
        whole(self.folder / name, lambda path: path.write_bytes(content.getbuffer()))

    def missing(self, n_points: int) -> str | None:
        """In words, what of a sweep of so many points is not there, by shard; None if all is."""
        there = len(self._points)
        if there == n_points:
            return None
        held: Counter[str] = Counter()
        for run, models in zip(self.runs, np.bincount(self._file, minlength=len(self.runs)), strict=True):
            held[run.shard] += int(models)
        expected = {run.shard: run.models for run in self.runs}
        shards = [f"{index}/{count}" for count in [int(self.run.shard.partition("/")[2])] for index in range(count)]
        words = [
            f"shard {shard} has {f'{held[shard]:,} of its {expected[shard]:,} models' if shard in expected else 'no part'}"
            for shard in shards
            if shard not in expected or held[shard] < expected[shard]
        ]
        more = [f"and {len(words) - _NAMED} more"] if len(words) > _NAMED else []
        return f"{n_points - there:,} of {n_points:,} models are missing: {', '.join([*words[:_NAMED], *more])}"

    def remove(self) -> None:
        """Delete all parts, once their results are saved elsewhere."""
        for path in self.folder.glob("*.npz"):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it never was, or is in use
            self.folder.rmdir()


def damaged(folder: Path) -> list[Path]:
    """Parts that are not what was written."""
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in _paths(folder)}
    return [path for path, digest in digests.items() if digest[:16] != path.stem.rpartition("_")[2]]


def run_of(folder: Path) -> Run:
    """The run that the parts in a folder belong to.

    Raises:
      FileNotFoundError: if there is no part.
    """
    broken = damaged(folder)
    for path in _paths(folder):
        if path not in broken:
            return _run(path)
    raise FileNotFoundError(f"{folder}: no results.nc and no part of a run")


def load(folder: Path) -> xr.Dataset:
    """What is finished of a run, other models with the status missing. Raises like `run_of` and `Parts`."""
    run = run_of(folder)
    grid = Grid(tuple(Axis(name, path, tuple(values), dim) for name, path, values, dim in run.axes))
    return assemble(grid, [_part(path) for path in Parts(folder, run).files]).assign_attrs(run.attributes)


def _paths(folder: Path) -> list[Path]:
    return sorted((folder / "parts").glob("*.npz"))


def _run(path: Path) -> Run:
    with np.load(path, allow_pickle=False) as file:
        return Run(**json.loads(str(file["header"]))["run"])


def _points(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as file:
        return file["points"]


def _part(path: Path) -> Part:
    with np.load(path, allow_pickle=False) as file:
        names = json.loads(str(file["header"]))["arrays"]
        arrays = {name: file[f"array_{number}"] for number, name in enumerate(names)}
        steps = {name.removeprefix("steps_"): file[name] for name in file if name.startswith("steps_")}
        return Part(file["points"], arrays, steps)


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """In words, where two flat configs differ; empty where they do not."""
    changed = [key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]
    shown = [f"{key} = {theirs.get(key)!r} there, {ours.get(key)!r} here" for key in changed[:3]]
    return ", ".join(shown) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _check(path: Path, theirs: Run, ours: Run) -> None:
    """Refuse a part of another run."""
    if changed := differences(theirs.config, ours.config):
        raise ConfigError(f"{path}: is of another run: {changed}; use another folder, or delete it")
    if theirs.shard.partition("/")[2] != ours.shard.partition("/")[2]:
        raise ConfigError(f"runtime.shard = {ours.shard!r}: {path} is of shard {theirs.shard}; a folder is for one division")


def _check_once(files: list[Path], points: np.ndarray, file: np.ndarray) -> None:
    """Refuse parts that have the same models; points are sorted."""
    twice = np.flatnonzero(np.diff(points) == 0)
    if twice.size:
        one, other = sorted(files[number] for number in file[twice[0] : twice[0] + 2])
        raise ConfigError(f"{one} and {other} have {twice.size:,} models in common; delete one of them")
