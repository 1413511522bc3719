"""Finished models of a run on disk while others train: parts, in its folder of that name, each whole or not there.

A part's name says its shard, its first point, how many it has, and a digest of its content, so damage shows. Inside it says of
which run it is and which points it has. So any process can add parts, and whoever finds all points can put the results
together. Reading executes nothing.
"""

import contextlib
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from superposition_jax.errors import ConfigError
from superposition_jax.files import whole
from superposition_jax.results.assemble import Part
from superposition_jax.sweep import Group

_NAME = re.compile(r"\d+-of-\d+_\d+_\d+_[0-9a-f]{16}\.npz")
"""Shard, first point, number of models, digest."""


class RunIdentity(NamedTuple):
    """What every part says of its run."""

    config: dict[str, Any]
    """Leaves that its results depend on, flat."""
    shard: str = "0/1"

    @property
    def name(self) -> str:
        """The shard's, with which its files' names begin."""
        return _file_name(self.shard)


class Parts:
    """The parts of a shard in a run's folder (or of all): those of earlier processes, and new ones."""

    def __init__(self, folder: Path, run: RunIdentity, *, every: bool = False) -> None:
        """`every` reads the parts of all shards. Raises ConfigError for parts that do not belong here."""
        self.folder, self.run = folder / "parts", run
        self._files: list[Path] = []
        self.damaged: list[Path] = []
        points = []
        for path in _files(folder):
            if not every and _shards(path) != int(run.shard.partition("/")[2]):
                raise ConfigError(f"{folder}: has parts of {_shards(path)} shards, this is {run.shard}; use another folder")
            if not every and not path.name.startswith(f"{run.name}_"):
                continue
            try:
                theirs, own = _start(path)
            except ValueError:
                self.damaged.append(path)
                continue
            if changed := differences(theirs, run.config):
                raise ConfigError(f"{path}: is of another run: {changed}; delete it, or use another folder")
            self._files.append(path)
            points.append(own)
        self._points = np.concatenate([np.zeros(0, int), *points])
        self._file = np.repeat(np.arange(len(points)), [len(p) for p in points])
        order = np.argsort(self._points, kind="stable")
        self._points, self._file = self._points[order], self._file[order]
        self._check_once(folder)

    def _check_once(self, folder: Path) -> None:
        """Refuse parts that have the same models."""
        twice = np.flatnonzero(np.diff(self._points) == 0)
        if twice.size:
            files = sorted({self._files[number].name for at in twice for number in self._file[at : at + 2]})
            more = f" and {len(files) - 4} more" if len(files) > 4 else ""
            raise ConfigError(f"{folder / 'parts'}: {', '.join(files[:4])}{more} have models in common; keep one of them")

    def __len__(self) -> int:
        """Number of models that are there."""
        return len(self._points)

    def all(self) -> Iterator[Part]:
        """Every part."""
        return map(_read, self._files)

    def held(self, shard: str) -> int:
        """Number of a shard's models that are there."""
        own = [number for number, path in enumerate(self._files) if path.name.startswith(f"{_file_name(shard)}_")]
        return int(np.isin(self._file, own).sum())

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are there."""
        return np.isin(points, self._points)

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Results of those of some points that are there, file by file: places among the points, and arrays."""
        mine = np.flatnonzero(self.has(points))
        files = self._file[np.searchsorted(self._points, points[mine])]
        for number in np.unique(files):
            places = mine[files == number]
            part = _read(self._files[number])
            order = np.argsort(part.points)
            rows = order[np.searchsorted(part.points, points[places], sorter=order)]
            yield places, {name: values[rows] for name, values in part.arrays.items()}

    def write(self, group: Group, places: np.ndarray, results: dict[str, np.ndarray]) -> None:
        """Keep the results of a group's models at some places."""
        part = Part.of(group, results)
        points, names = part.points[places], list(results)
        header = json.dumps({"run": self.run._asdict(), "arrays": names}).encode()
        arrays = {"header": np.frombuffer(header, np.uint8), "points": points}
        arrays |= {f"array_{number}": results[name] for number, name in enumerate(names)}
        arrays |= {f"steps_{dim}": values for dim, values in part.steps.items()}
        name = f"{self.run.name}_{points.min():09d}_{len(points)}"
        self.folder.mkdir(parents=True, exist_ok=True)
        save(self.folder, name, arrays)

    def remove(self) -> None:
        """Delete all parts, once their results are saved elsewhere."""
        for path in [*self.folder.glob("*.npz"), *self.folder.glob(".*.tmp")]:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it never was, or is in use
            self.folder.rmdir()


def count(folder: Path) -> int:
    """Number of models in the parts of all shards, by their names."""
    return sum(by_shard(folder).values())


def by_shard(folder: Path) -> Counter[str]:
    """Number of models in the parts of every shard that has any, by their names."""
    found: Counter[str] = Counter()
    for path in _files(folder):
        shard, _, models, _ = path.name.split("_")
        found[shard.replace("-of-", "/")] += int(models)
    return found


def shards(folder: Path) -> int:
    """Into how many shards the run in a folder is divided; 0 if there are no parts."""
    return next((_shards(path) for path in _files(folder)), 0)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "parts").glob("*.npz") if _NAME.fullmatch(path.name))


def _file_name(shard: str) -> str:
    return shard.replace("/", "-of-")


def _shards(path: Path) -> int:
    return int(path.name.partition("_")[0].rpartition("-")[2])


def save(folder: Path, name: str, arrays: dict[str, np.ndarray]) -> Path:
    """Write arrays into a file of a name that ends with the digest of its content."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
    return whole(folder / f"{name}_{digest}.npz", lambda path: path.write_bytes(content.getbuffer()))


def is_damaged(path: Path) -> bool:
    """Whether a file is not what `save` wrote."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16] != path.stem.rpartition("_")[2]


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """In words, where two flat configs differ; empty where they do not."""
    changed = [key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]
    shown = [f"{key} = {theirs.get(key)!r} there, {ours.get(key)!r} here" for key in changed[:3]]
    return ", ".join(shown) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _header(file: Any) -> dict[str, Any]:
    return json.loads(file["header"].tobytes())


def _start(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    """A part's config and points; raises ValueError if it is not what was written."""
    if is_damaged(path):
        raise ValueError(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file:
                file[name]  # which refuses what would have to be executed
            return _header(file)["run"]["config"], file["points"]
    except (KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(path) from error


def _read(path: Path) -> Part:
    with np.load(path, allow_pickle=False) as file:
        names = _header(file)["arrays"]
        arrays = {name: file[f"array_{number}"] for number, name in enumerate(names)}
        steps = {name.removeprefix("steps_"): file[name] for name in file if name.startswith("steps_")}
        return Part(file["points"], arrays, steps)
