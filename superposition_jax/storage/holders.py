"""Who trains in a run's folder: its state/ has a lock for each shard, its holder, and the state to go on from."""

import contextlib
import json
import platform
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from superposition_jax import files
from superposition_jax.errors import ConfigError

SHARD, STATE = r"\d+-of-\d+", r"_[0-9a-f]{16}\.npz"
"""Names of files in state/ begin with the shard; those of training state go on with a digest."""
_ANY = rf"(?:{STATE}|\.json|\.lock)"
"""How any of them goes on: the state, who trains, and their lock."""
_PATIENCE = 2.0
"""Seconds for which a process may have a lock that only looks whether another one trains."""


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
        return cls(shard, f"process {pid} on {host}", files.lives(pid, path) if host == platform.node() else None)


def read(folder: Path) -> list[Holder]:
    """Processes that train in a run's folder, or that have left it unfinished."""
    return [Holder.read(path) for path in sorted((folder / "state").glob("*-of-*.json"))]


def acquire(folder: Path, name: str) -> FileLock:
    """The lock of a shard in a run's folder, acquired. Raises ConfigError if another process has it, and so trains there."""
    lock, holder = FileLock(folder / "state" / f"{name}.lock"), folder / "state" / f"{name}.json"
    try:
        lock.acquire(timeout=0 if Holder.read(holder).lives else _PATIENCE, poll_interval=0.01)
    except Timeout as error:
        raise ConfigError(f"{folder}: {Holder.read(holder).process} trains here") from error
    return lock


def refuse_training(folder: Path, our_shard: str | None = None) -> None:
    """Raise ConfigError if a process trains in a run's folder; `our_shard` names the one whose lock is ours."""
    for path in files.named(folder / "state", SHARD + r"\.lock"):
        if path.stem != our_shard:
            acquire(folder, path.stem).release()


def remove_abandoned_state(folder: Path) -> None:
    """Delete the state that killed processes have left in a run's folder: of shards whose lock nobody holds."""
    state = folder / "state"
    for name in sorted({path.name.lstrip(".").partition(".")[0].partition("_")[0] for path in files.named(state, SHARD + _ANY)}):
        with contextlib.suppress(ConfigError, OSError), acquire(folder, name):
            remove_state(state, name)
    files.remove_folder(state)


def remove_state(state: Path, name: str, kinds: str = _ANY) -> None:
    """Delete files of a shard in state/; the caller holds its lock."""
    with contextlib.suppress(PermissionError):  # some systems remove no open file
        files.remove(state, name + kinds)
