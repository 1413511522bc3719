"""Compiled programs on disk, so that the second run of a Spec on the same machine neither traces nor compiles.

A file is named by everything that the programs depend on: their arguments, the source of this package, versions of the packages
that compile them, XLA's flags, JAX's config, the devices and the processor. Functions that a user has registered are not among
these, so programs are kept only where there are none, and where JAX's own cache is off. Reading a file executes it; the folder is
trusted, as that of JAX's own cache is: only the user can write there.
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
from superposition_jax.core import data, evaluation, expectation, geometry, model, objective, optimizer, targets
from superposition_jax.files import whole

_MOST_FILES = 200
"""Files in the folder; those used longest ago are deleted first."""
_REGISTRIES = (
    *(model.MODELS, model.ACTIVATIONS, model.INITS, data.LAWS, data.ESTIMATORS, targets.TARGETS, objective.PENALTIES),
    *(expectation.EXPECTATIONS, optimizer.OPTIMIZERS, optimizer.SCHEDULES, evaluation.ESTIMATES, geometry.MEASURES),
)
"""Registries of the functions that programs are made of."""


def folder() -> Path:
    """`$XDG_CACHE_HOME/superposition_jax`, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "superposition_jax"


def can_keep() -> bool:
    """Whether programs are made of this package's functions only, which a file's name describes, and compiled in this process.

    A program that JAX's own cache has returned cannot be saved again.
    """
    return all(registry.is_original for registry in _REGISTRIES) and not jax.config.values["jax_compilation_cache_dir"]


@functools.cache
def _surroundings() -> str:
    """A description of all that programs depend on apart from their arguments."""
    versions = [importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax", "flax", "numpy")]
    cpu = Path("/proc/cpuinfo")
    flags = re.search(r"^(flags|Features)\s*:.*", cpu.read_text(), re.M) if cpu.exists() else None
    processor = (platform.machine(), platform.processor(), flags[0] if flags else "")
    settings = os.environ.get("XLA_FLAGS"), sorted(jax.config.values.items(), key=str)
    return repr((version.digest(version.TRAINING), versions, processor, settings))


def file_of(devices: Sequence[jax.Device], *arguments: Any) -> Path:
    """The file of the programs for some devices and arguments; equal arguments, and only these, must have an equal `repr`."""
    kinds = [(device.platform, device.device_kind, device.id) for device in devices]
    return folder() / hashlib.sha256(repr((arguments, kinds, _surroundings())).encode()).hexdigest()


def load(path: Path, devices: Sequence[jax.Device]) -> dict[str, Any] | None:
    """The programs in a file by name; None if there is no such file or it is damaged."""
    try:
        stored = path.read_bytes()
        digest, content = stored[:32], stored[32:]
        if hashlib.sha256(content).digest() != digest:
            return None
        path.touch()
        serialized = pickle.loads(content)
        return {name: deserialize_and_load(*program, execution_devices=devices) for name, program in serialized.items()}
    except (OSError, jax.errors.JaxRuntimeError):
        return None


def save(path: Path, programs: dict[str, Any]) -> None:
    """Keep programs for the next process; does nothing if the folder cannot be written or the platform cannot serialize them."""
    try:
        content = pickle.dumps({name: serialize(compiled) for name, compiled in programs.items()})
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        whole(path, lambda file: file.write_bytes(hashlib.sha256(content).digest() + content))
        for old in sorted(path.parent.glob("[0-9a-f]*"), key=lambda file: file.stat().st_mtime)[:-_MOST_FILES]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError, jax.errors.JaxRuntimeError):
        return
