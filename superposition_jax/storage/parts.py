"""Finished models of a run on disk while others train: its folder parts/, of which each file is complete or absent.

A part's name says its shard, its first point, how many it has, and a digest of its content, so damage shows. Inside it says of
which run it is and which points it has: any process can add parts, and whoever finds all points can put the results together.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from superposition_jax import files
from superposition_jax.config.rules import first_few
from superposition_jax.errors import ConfigError
from superposition_jax.results.assemble import Part
from superposition_jax.storage import part_file
from superposition_jax.storage.identity import RunIdentity, differences
from superposition_jax.sweep import Group

_NAMES = r"\d+-of-\d+_\d+_\d+_[0-9a-f]{16}\.npz"
"""Names of parts: shard, first point, number of models, digest."""


class Parts:
    """The parts of a shard (or of all shards) in a run's folder: those of earlier processes, and new ones."""

    def __init__(self, folder: Path, run: RunIdentity, *, all_shards: bool = False) -> None:
        """Raises ConfigError for parts that do not belong to the run."""
        self.folder, self.run = folder / "parts", run
        self.files: list[Path] = []
        self.damaged: list[Path] = []
        points_of_files = []
        for path in files_of(folder):
            shards = number_of_shards(path)
            if not all_shards and shards != int(run.shard.partition("/")[2]):
                raise ConfigError(f"{folder}: has parts of {shards} shards, this is {run.shard}; use another folder")
            if not all_shards and not path.name.startswith(f"{run.name}_"):
                continue
            try:
                theirs, points = part_file.config_and_points(path)
            except ValueError:
                self.damaged.append(path)
                continue
            if changed := differences(theirs, run.config):
                raise ConfigError(f"{path}: is of another run: {changed}; delete it, or use another folder")
            self.files.append(path)
            points_of_files.append(points)
        points = np.concatenate([np.zeros(0, int), *points_of_files])
        numbers = np.repeat(np.arange(len(points_of_files)), [len(points) for points in points_of_files])
        order = np.argsort(points, kind="stable")
        self._points, self._file = points[order], numbers[order]
        if (twice := np.flatnonzero(np.diff(self._points) == 0)).size:
            names = sorted({self.files[number].name for at in twice for number in self._file[at : at + 2]})
            raise ConfigError(f"{self.folder}: {first_few(names, most=4)} have models in common; keep one of them")

    def __len__(self) -> int:
        """Number of finished models."""
        return len(self._points)

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are finished."""
        return np.isin(points, self._points)

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Results of those of some points that are finished, file by file: places among the points, and arrays."""
        finished = np.flatnonzero(self.has(points))
        numbers = self._file[np.searchsorted(self._points, points[finished])]
        for number in np.unique(numbers):
            places = finished[numbers == number]
            part = part_file.read(self.files[number])
            order = np.argsort(part.points)
            rows = order[np.searchsorted(part.points, points[places], sorter=order)]
            yield places, {name: values[rows] for name, values in part.arrays.items()}

    def write(self, group: Group, places: np.ndarray, results: dict[str, np.ndarray]) -> None:
        """Keep the results of a group's models at some places."""
        part = Part.of(group, results)
        self.folder.mkdir(parents=True, exist_ok=True)
        part_file.write(self.folder, self.run, part._replace(points=part.points[places]))


def remove(folder: Path) -> None:
    """Delete all parts in a run's folder, once their results are saved elsewhere."""
    files.remove(folder / "parts", _NAMES)
    files.remove_folder(folder / "parts")


def by_shard(paths: Iterable[Path]) -> Counter[str]:
    """Number of models in parts by shard, `i/N`, as the parts' names say."""
    counts: Counter[str] = Counter()
    for path in paths:
        shard, _, models, _ = path.name.split("_")
        counts[shard.replace("-of-", "/")] += int(models)
    return counts


def files_of(folder: Path) -> list[Path]:
    """The files of the parts in a run's folder."""
    return [path for path in files.named(folder / "parts", _NAMES) if path.suffix == ".npz"]


def number_of_shards(path: Path) -> int:
    """Into how many shards the run of a part is divided, as its name says."""
    return int(path.name.partition("_")[0].rpartition("-")[2])
