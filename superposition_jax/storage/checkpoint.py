"""The folder of a run while it trains: a lock, finished models, and the state of those that are training."""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from superposition_jax import files
from superposition_jax.engine import stopping
from superposition_jax.errors import ConfigError
from superposition_jax.storage import claim, holders, outputs, part_file, parts
from superposition_jax.storage.holders import STATE, Holder, remove_abandoned_state, remove_state
from superposition_jax.storage.identity import RunIdentity
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import Group


class RunStore:
    """The engine's `ModelStore` in the folder of a run or shard. As a context it locks the folder for this process."""

    def __init__(self, folder: Path, run: RunIdentity, save_every: float, *, all_shards: bool = False) -> None:
        """`save_every`: seconds between two savings of the state. `all_shards`: whether it reads the parts of all of them."""
        self.folder, self._run, self._every, self._saved = folder, run, save_every, time.perf_counter()
        self._name, self._state, self._all_shards = run.name, folder / "state", all_shards
        self._holder, self._left_by = self._state / f"{self._name}.json", None

    def __enter__(self) -> "RunStore":
        """Raises ConfigError if another process trains here."""
        self._state.mkdir(parents=True, exist_ok=True)
        self._lock = holders.acquire(self.folder, self._name)
        self._left_by = Holder.read(self._holder).process if self._holder.exists() else None
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
            remove_state(self._state, self._name)
        finally:
            self._lock.release()
        files.remove_folder(self._state)

    def find_earlier(self) -> list[str]:
        """Find what earlier processes have left, and say so in lines. Raises ConfigError if there are parts of another run."""
        self.parts = Parts(self.folder, self._run, all_shards=self._all_shards)
        lines = [f"{self._left_by} has left this run unfinished: going on"] if self._left_by else []
        return lines + [f"damaged  {path}: trained again" for path in self.parts.damaged]

    def has(self, points: np.ndarray) -> np.ndarray:
        """Which of some points are finished."""
        return self.parts.has(points)

    def read(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Results of those of some points that are finished: places among the points, and arrays."""
        return self.parts.read(points)

    def write(self, group: Group, places: np.ndarray, results: dict[str, np.ndarray]) -> None:
        """Save finished models and delete the state that they trained in."""
        with stopping.saving:
            self.parts.write(group, places, results)
        remove_state(self._state, self._name, STATE)

    def state_is_due(self) -> bool:
        """Whether it is time to save the state."""
        return time.perf_counter() - self._saved >= self._every

    def save_state(self, points: np.ndarray, step: int, leaves: list[np.ndarray]) -> None:
        """Save the state of a tile of models (seed, cell) after some steps, in place of the one before."""
        arrays = {f"leaf_{number}": leaf for number, leaf in enumerate(leaves)}
        earlier = files.named(self._state, self._name + STATE)
        arrays |= {"points": points, "step": np.array(step), "run": self._run.digest}
        with stopping.saving:
            file = part_file.save(self._state, self._name, arrays)
        for path in earlier:
            if path != file:
                path.unlink(missing_ok=True)
        self._saved = time.perf_counter()

    def load_state(self, points: np.ndarray) -> tuple[int, list[np.ndarray]] | None:
        """The saved state of a tile: its step and leaves; None if there is none, or it is damaged or another run's."""
        for path in files.named(self._state, self._name + STATE):
            if not part_file.is_damaged(path):
                with np.load(path, allow_pickle=False) as file:
                    if np.array_equal(file["points"], points) and "run" in file and np.array_equal(file["run"], self._run.digest):
                        return int(file["step"]), [file[f"leaf_{number}"] for number in range(len(file.files) - 3)]
        return None

    def remove(self) -> None:
        """Delete finished models and all that killed processes have left, once all results are saved elsewhere."""
        parts.remove(self.folder)
        outputs.remove_temporaries(self.folder)
        remove_state(self._state, self._name, STATE)
        remove_abandoned_state(self.folder)
