"""The folder of a run while it trains: a lock, finished models, and the state of those that are training."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import psutil
from filelock import FileLock, Timeout

from superposition_jax.errors import ConfigError
from superposition_jax.files import whole
from superposition_jax.storage import part_file
from superposition_jax.storage.identity import RunIdentity
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import Group


class Holder(NamedTuple):
    """The process that trains a shard, or that last did."""

    shard: str
    process: str
    """Its number and machine, in words."""
    lives: bool | None
    """Whether it still runs; None: it is another machine's."""

    @classmethod
    def read(cls, path: Path) -> "Holder":
        """From a file in state/ and this machine's processes."""
        shard = path.stem.replace("-of-", "/")
        try:
            written = json.loads(path.read_text(encoding="utf-8"))
            pid, host = int(written["pid"]), str(written["host"])
        except (OSError, ValueError, KeyError, TypeError):
            return cls(shard, "another process", None)
        lives = None
        if host == platform.node():
            try:
                lives = psutil.Process(pid).create_time() <= path.stat().st_mtime + 1  # else a later one has its number
            except (psutil.Error, OSError):
                lives = False
        return cls(shard, f"process {pid} on {host}", lives)


def holders(folder: Path) -> list[Holder]:
    """Processes that train in a run's folder, or that have left it unfinished."""
    return [Holder.read(path) for path in sorted((folder / "state").glob("*-of-*.json"))]


class RunStore:
    """The engine's `ModelStore` in the folder of a run or shard. As a context it locks the folder for this process."""

    def __init__(self, folder: Path, run: RunIdentity, save_every: float) -> None:
        """`save_every`: seconds between two savings of the state."""
        self.folder, self._run, self._every, self._saved = folder, run, save_every, time.perf_counter()
        self._name, self._state = run.name, folder / "state"
        self._lock = FileLock(self._state / f"{self._name}.lock", timeout=0)
        self._holder, self._left_by = self._state / f"{self._name}.json", None

    def __enter__(self) -> "RunStore":
        """Raises ConfigError if another process trains here."""
        self._state.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise ConfigError(f"{self.folder}: {self._who()} trains here") from error
        self._left_by = self._who() if self._holder.exists() else None
        text = json.dumps({"host": platform.node(), "pid": os.getpid()})
        whole(self._holder, lambda path: path.write_text(text, encoding="utf-8"))
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        is_over = kind is None or issubclass(kind, ConfigError)  # else somebody is to go on
        if is_over:
            self._holder.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # some systems remove no open file
                Path(self._lock.lock_file).unlink()
        self._lock.release()
        if is_over:
            with contextlib.suppress(OSError):  # it has the state of others
                self._state.rmdir()

    def find_earlier(self, *, all_shards: bool = False) -> list[str]:
        """Find what earlier processes have left, and say so in lines. Raises ConfigError if there are parts of another run."""
        self.parts = Parts(self.folder, self._run, all_shards=all_shards)
        lines = [f"{self._left_by} has left this run unfinished: going on"] if self._left_by else []
        return lines + [f"damaged  {path}: trained again" for path in self.parts.damaged]

    def _who(self) -> str:
        return Holder.read(self._holder).process

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are finished."""
        return self.parts.has(points)

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Results of those of some points that are finished: places among the points, and arrays."""
        return self.parts.read(points)

    def write(self, group: Group, places: np.ndarray, results: dict[str, np.ndarray]) -> None:
        """Save finished models and delete the state that they trained in."""
        self.parts.write(group, places, results)
        self._forget()

    def state_is_due(self) -> bool:
        """Whether it is time to save the state."""
        return time.perf_counter() - self._saved >= self._every

    def save_state(self, points: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Save the state of a tile of models (seed, cell) after some steps, in place of the one before."""
        arrays = {f"leaf_{number}": leaf for number, leaf in enumerate(leaves)}
        file = part_file.save(self._state, self._name, {"points": points, "step": np.array(step), **arrays})
        self._forget(but=file)
        self._saved = time.perf_counter()

    def load_state(self, points: np.ndarray) -> tuple[int, list[np.ndarray]] | None:
        """The saved state of a tile: its step and leaves; None if there is none, or it is damaged."""
        for path in self._state.glob(f"{self._name}_*.npz"):
            if not part_file.is_damaged(path):
                with np.load(path, allow_pickle=False) as file:
                    if np.array_equal(file["points"], points):
                        return int(file["step"]), [file[f"leaf_{number}"] for number in range(len(file.files) - 2)]
        return None

    def _forget(self, but: Path | None = None) -> None:
        for pattern in (f"{self._name}_*.npz", f".{self._name}_*.tmp", f".{self._name}.*.tmp"):
            for path in self._state.glob(pattern):
                if path != but:
                    path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete finished models and state, once all results are saved elsewhere."""
        self.parts.remove()
        self._forget()
