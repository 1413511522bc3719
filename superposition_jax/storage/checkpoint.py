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

from superposition_jax import files
from superposition_jax.errors import ConfigError
from superposition_jax.storage import claim, part_file, parts
from superposition_jax.storage.identity import RunIdentity
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import Group

_SHARD, _STATE = r"\d+-of-\d+", r"_[0-9a-f]{16}\.npz"
"""Names of files in state/ begin with the shard; those of training state go on with a digest."""
_ANY = rf"(?:{_STATE}|\.json|\.lock)"
"""How any of them goes on: the state, who trains, and their lock."""


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

    def __init__(self, folder: Path, run: RunIdentity, save_every: float, *, all_shards: bool = False) -> None:
        """`save_every`: seconds between two savings of the state. `all_shards`: whether it reads the parts of all of them."""
        self.folder, self._run, self._every, self._saved = folder, run, save_every, time.perf_counter()
        self._name, self._state, self._all_shards = run.name, folder / "state", all_shards
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
        with contextlib.ExitStack() as stack:
            stack.callback(self._leave)
            files.whole(self._holder, lambda path: path.write_text(text, encoding="utf-8"))
            stack.pop_all()
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        refused = kind is not None and issubclass(kind, ConfigError) and self._left_by is None
        if kind is None or refused or not claim.is_begun(self.folder):
            self._leave()
        else:
            self._lock.release()  # the state is kept, to go on from

    def _leave(self) -> None:
        try:
            _remove_state(self._state, self._name)
        finally:
            self._lock.release()
        files.remove_folder(self._state)

    def find_earlier(self) -> list[str]:
        """Find what earlier processes have left, and say so in lines. Raises ConfigError if there are parts of another run."""
        self.parts = Parts(self.folder, self._run, all_shards=self._all_shards)
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
        _remove_state(self._state, self._name, _STATE)

    def state_is_due(self) -> bool:
        """Whether it is time to save the state."""
        return time.perf_counter() - self._saved >= self._every

    def save_state(self, points: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Save the state of a tile of models (seed, cell) after some steps, in place of the one before."""
        arrays = {f"leaf_{number}": leaf for number, leaf in enumerate(leaves)}
        earlier = files.named(self._state, self._name + _STATE)
        arrays |= {"points": points, "step": np.array(step), "run": self._run.digest}
        file = part_file.save(self._state, self._name, arrays)
        for path in earlier:
            if path != file:
                path.unlink(missing_ok=True)
        self._saved = time.perf_counter()

    def load_state(self, points: np.ndarray) -> tuple[int, list[np.ndarray]] | None:
        """The saved state of a tile: its step and leaves; None if there is none, or it is damaged or another run's."""
        for path in files.named(self._state, self._name + _STATE):
            if not part_file.is_damaged(path):
                with np.load(path, allow_pickle=False) as file:
                    if np.array_equal(file["points"], points) and "run" in file and np.array_equal(file["run"], self._run.digest):
                        return int(file["step"]), [file[f"leaf_{number}"] for number in range(len(file.files) - 3)]
        return None

    def remove(self) -> None:
        """Delete finished models and all that killed processes have left, once all results are saved elsewhere."""
        parts.remove(self.folder)
        claim.remove_temporaries(self.folder)
        _remove_state(self._state, self._name, _STATE)
        remove_abandoned_state(self.folder)


def remove_abandoned_state(folder: Path) -> None:
    """Delete the state that killed processes have left in a run's folder: of shards whose lock nobody holds."""
    state = folder / "state"
    for name in sorted({path.name.lstrip(".").partition(".")[0].partition("_")[0] for path in files.named(state, _SHARD + _ANY)}):
        with contextlib.suppress(Timeout, OSError), FileLock(state / f"{name}.lock", timeout=0):
            _remove_state(state, name)
    files.remove_folder(state)


def _remove_state(state: Path, name: str, kinds: str = _ANY) -> None:
    """Delete files of a shard in state/; the caller holds its lock."""
    with contextlib.suppress(PermissionError):  # some systems remove no open file
        files.remove(state, name + kinds)
