"""The version of this package, and digests of the source that determines its numbers."""

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    __version__ = version("superposition_jax")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"

_PACKAGE = Path(__file__).parent
_CONFIG = ("axes", "leaves", "recipe", "run_config", "schema")
TRAINING = ("types.py", "sweep.py", "core", "engine", "results/neighbours.py", *(f"config/{name}.py" for name in _CONFIG))
"""Files and folders that decide the bits of trained parameters and losses."""
TABLES = ("theory", "experiments")
"""Folders whose source determines tables and figures, given trained parameters."""


@functools.cache
def digest(parts: tuple[str, ...], package: Path = _PACKAGE) -> str:
    """16 hexadecimal digits of all Python source in some files and folders of this package."""
    content = hashlib.sha256()
    for part in parts:
        path = package / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            source = file.read_bytes()
            content.update(f"{file.relative_to(package).as_posix()} {len(source)}\n".encode() + source)
    return content.hexdigest()[:16]
