"""Files that are written completely or not at all."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Write a file completely or not at all: `write` fills a temporary file, which then gets the name `path`. Returns the path.

    The file is synchronised to the disk before and its folder after it is renamed, so a loss of power does no harm.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        write(temporary)
        _sync(temporary)
        os.replace(temporary, path)
        with contextlib.suppress(OSError):  # some file systems cannot synchronise a folder
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
