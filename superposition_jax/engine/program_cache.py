"""Compiled programs on disk, so that the second run of a Spec on the same machine neither traces nor compiles.

A file is named by everything that the programs depend on: their arguments, the source of this package, versions of what
compiles, XLA's flags, JAX's config, the devices and the processor. Reading one executes it, so the folder, like JAX's own compile
cache, is trusted: it is the user's, and nobody else can write there.
"""

import functools
import hashlib
import importlib.metadata
import os
import pickle
import platform
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from superposition_jax import version
from superposition_jax.files import whole

_KEPT = 200
"""Files, the latest used."""


def folder() -> Path:
    """`$XDG_CACHE_HOME/superposition_jax`, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "superposition_jax"


@functools.cache
def _surroundings() -> str:
    """What programs depend on apart from their arguments."""
    versions = [importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax", "flax", "numpy")]
    cpu = Path("/proc/cpuinfo")
    flags = re.search(r"^(flags|Features)\s*:.*", cpu.read_text(), re.M) if cpu.exists() else None
    processor = (platform.machine(), platform.processor(), flags[0] if flags else "")
    return repr(
        (
            version.digest(version.TRAINING),
            versions,
            processor,
            os.environ.get("XLA_FLAGS"),
            sorted(jax.config.values.items(), key=str),
        )
    )


def file_of(devices: Sequence[jax.Device], *arguments: Any) -> Path:
    """The file of the programs for devices and some arguments, which must have a `repr` that tells all."""
    kinds = [(device.platform, device.device_kind, device.id) for device in devices]
    return folder() / hashlib.sha256(repr((arguments, kinds, _surroundings())).encode()).hexdigest()


def load(path: Path, devices: Sequence[jax.Device]) -> dict[str, Any] | None:
    """The programs of a file by name, or None where there is no such file or it is damaged."""
    try:
        whole = path.read_bytes()
        digest, content = whole[:32], whole[32:]
        if hashlib.sha256(content).digest() != digest:
            return None
        path.touch()
        parts = pickle.loads(content)
        return {name: deserialize_and_load(*part, execution_devices=devices) for name, part in parts.items()}
    except (OSError, jax.errors.JaxRuntimeError):
        return None


def save(path: Path, programs: dict[str, Any]) -> None:
    """Keep programs for the next process; where the folder cannot be written, or a platform has no such form, do nothing."""
    try:
        content = pickle.dumps({name: serialize(compiled) for name, compiled in programs.items()})
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        whole(path, lambda file: file.write_bytes(hashlib.sha256(content).digest() + content))
        for old in sorted(path.parent.glob("[0-9a-f]*"), key=lambda file: file.stat().st_mtime)[:-_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError, jax.errors.JaxRuntimeError):
        return
