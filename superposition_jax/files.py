"""Files that are written whole or not at all, and removed by their names only."""

import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path


def whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it; both survive a loss of power. Returns the path.

    A file that is gone is written once more: a run that ends in the folder removes those of killed processes.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        for is_last in (False, True):
            write(temporary)
            try:
                _sync(temporary)
                os.replace(temporary, path)
                break
            except FileNotFoundError:
                if is_last:
                    raise
        with contextlib.suppress(OSError):  # some file systems cannot synchronise a folder
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def named(folder: Path, names: str) -> list[Path]:
    """Files of a folder whose whole names match a pattern, and temporary ones that a killed process has left of them."""
    pattern = re.compile(rf"(?:{names})|\.(?:{names})\.[0-9a-f]{{16}}\.(?:tmp|gif)")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return [folder / name for name in sorted(os.listdir(folder)) if pattern.fullmatch(name)]
    return []


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
