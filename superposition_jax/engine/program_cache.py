"""Compiled programs on disk, so that the second run of a Spec on the same machine neither traces nor compiles.

A file is named by everything that the programs depend on: their arguments, the source of this package, versions of the packages
that compile them, XLA's flags, JAX's config, the devices and the processor. Functions that a user has registered are not among
these, so programs are kept only where there are none, and where JAX's own cache is off. Reading a file executes it: the file
and its folder must be the user's, and writable for nobody else.
"""

import functools
import hashlib
import importlib.metadata
import os
import pickle
import platform
import re
import stat
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


class Untrusted(Exception):
    """Somebody else could have written a file; the message is a line with its path, and why."""


def folder() -> Path | None:
    """`$XDG_CACHE_HOME/superposition_jax`, by default in ~/.cache; None if there is no home, and for relative paths."""
    places = os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")
    return next((Path(place) / "superposition_jax" for place in places if os.path.isabs(place)), None)


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


def file_of(devices: Sequence[jax.Device], *arguments: Any) -> Path | None:
    """The file of the programs for some devices and arguments; equal arguments, and only these, must have an equal `repr`."""
    kinds, place = [(device.platform, device.device_kind, device.id) for device in devices], folder()
    return place and place / hashlib.sha256(repr((arguments, kinds, _surroundings())).encode()).hexdigest()


def _refuse_untrusted(path: Path, status: os.stat_result) -> None:
    """Raise Untrusted for what another user owns or can write."""
    if status.st_uid != os.geteuid():
        raise Untrusted(f"{path}: belongs to user {status.st_uid}, not to {os.geteuid()}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Untrusted(f"{path}: others can write it (chmod go-w)")


def load(path: Path, devices: Sequence[jax.Device]) -> dict[str, Any] | None:
    """The programs in a file by name; None if there is no such file or it is damaged. Raises Untrusted if it is not ours."""
    try:
        _refuse_untrusted(path.parent, path.parent.stat())
        with open(path, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            _refuse_untrusted(path, os.fstat(file.fileno()))
            stored = file.read() or b""  # of a FIFO, which does not wait
            digest, content = stored[:32], stored[32:]
            if hashlib.sha256(content).digest() != digest:
                return None
            os.utime(file.fileno())
        serialized = pickle.loads(content)
        return {name: deserialize_and_load(*program, execution_devices=devices) for name, program in serialized.items()}
    except (OSError, jax.errors.JaxRuntimeError):
        return None


def save(path: Path, programs: dict[str, Any]) -> None:
    """Keep programs for the next process, if the folder can be written, by nobody else, and the platform can serialize them."""
    try:
        content = pickle.dumps({name: serialize(compiled) for name, compiled in programs.items()})
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _refuse_untrusted(path.parent, path.parent.stat())
        whole(path, lambda file: _write_privately(file, hashlib.sha256(content).digest() + content))
        for old in sorted(path.parent.glob("[0-9a-f]" * 64), key=lambda file: file.stat().st_mtime)[:-_MOST_FILES]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError, Untrusted, jax.errors.JaxRuntimeError):
        return


def _write_privately(path: Path, content: bytes) -> None:
    with open(path, "xb", opener=functools.partial(os.open, mode=0o600)) as file:
        file.write(content)
