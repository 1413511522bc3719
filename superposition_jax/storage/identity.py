"""What decides whether a run in a folder may go on: its config without `runtime`, and the versions of what trains models."""

import functools
import hashlib
import importlib.metadata
import json
import platform
from typing import Any, NamedTuple

import numpy as np

from superposition_jax import version
from superposition_jax.config.compose import flatten
from superposition_jax.config.rules import first_few
from superposition_jax.config.run_config import RunConfig

PACKAGES = ("jax", "jaxlib", "optax", "flax", "numpy", "xarray", "hydra-core")
"""Packages whose versions a manifest records."""
_DECISIVE = ("superposition_jax", "source", "jax", "jaxlib", "optax")
"""Versions that must be equal for a run to go on."""


class RunIdentity(NamedTuple):
    """Identity of a run, stored in every part."""

    config: dict[str, Any]
    """Leaves and versions that its results depend on, flat."""
    shard: str = "0/1"

    @property
    def name(self) -> str:
        """Prefix of the names of the shard's files: `0-of-2` of shard 0/2."""
        return self.shard.replace("/", "-of-")

    @property
    def digest(self) -> np.ndarray:
        """SHA-256 of the config, (32,)."""
        return np.frombuffer(hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).digest(), np.uint8)


def of_config(config: RunConfig) -> RunIdentity:
    """The identity of a run that is to be trained now."""
    return RunIdentity(decisive(config.composed, versions()), config.shard or "0/1")


def decisive(composed: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    """All that results depend on, as JSON has it: leaves but those of `runtime`, and the versions of what computes."""
    leaves = dict(flatten({key: value for key, value in composed.items() if key != "runtime"}))
    return json.loads(json.dumps(leaves | {f"version of {name}": versions[name] for name in _DECISIVE}))


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, and digests of this package's source."""
    source = {"source": version.digest(version.TRAINING), "experiments": version.digest(version.TABLES)}
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"superposition_jax": version.__version__, **source, "python": platform.python_version(), **packages}


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """The differences of two flat configs in words; empty where they are equal.

    >>> differences({"seed": 0, "train.steps": 5}, {"seed": 0, "train.steps": 9})
    'train.steps = 5 there, 9 here'
    """
    changed = [key for key in {**theirs, **ours} if theirs.get(key) != ours.get(key)]
    shown = [f"{key} = {theirs.get(key)!r} there, {ours.get(key)!r} here" for key in changed]
    return first_few(shown, most=3)
