"""Files that are written whole or not at all, and removed by their names only."""

import contextlib
import itertools
import os
import platform
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import psutil

_MACHINE = zlib.crc32(platform.node().encode()) & 0xFFFFFF
_NUMBERS = itertools.count()


def whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it; both survive a loss of power. Returns the path.

    The temporary file's name has the machine, the process and a number, so that nobody removes it while its process lives.
    """
    temporary = path.with_name(f".{path.name}.{_MACHINE:06x}{os.getpid():06x}{next(_NUMBERS) & 0xFFFF:04x}.tmp")
    try:
        write(temporary)
        _sync(temporary)
        os.replace(temporary, path)
        with contextlib.suppress(OSError):  # some file systems cannot synchronise a folder
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def lives(process: int, file: Path) -> bool:
    """Whether the process of this machine that has last written a file still runs, and no later one has its number."""
    try:
        return psutil.Process(process).create_time() <= file.stat().st_mtime + 1
    except (psutil.Error, OSError):
        return False


def named(folder: Path, names: str) -> list[Path]:
    """Files of a folder whose whole names match a pattern, and temporary ones that a process has left of them."""
    pattern = re.compile(rf"(?:{names})|\.(?:{names})\.([0-9a-f]{{6}})([0-9a-f]{{6}})[0-9a-f]{{4}}\.(?:tmp|gif)")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        matches = [match for name in sorted(os.listdir(folder)) if (match := pattern.fullmatch(name))]
        return [folder / match.string for match in matches if not _is_being_written(folder, match)]
    return []


def _is_being_written(folder: Path, name: re.Match[str]) -> bool:
    """Whether a name is that of a temporary file whose process lives on this machine."""
    machine, process = name.groups()
    return machine is not None and int(machine, 16) == _MACHINE and lives(int(process, 16), folder / name.string)


def remove(folder: Path, names: str) -> None:
    """Remove the files that are `named` so."""
    for path in named(folder, names):
        path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
