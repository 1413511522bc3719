"""Memory: how much is free, and how much a model or a compiled program takes."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import psutil

from superposition_jax.core.evaluation import most_points
from superposition_jax.types import Spec

_USABLE = 0.8
"""Fraction of the free memory that programs may take, since other processes need some too."""
_CGROUP = Path("/sys/fs/cgroup")


def free(device: jax.Device) -> float:
    """Bytes that programs on a device may take; for a CPU the least that machine, control groups and limits leave."""
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return _USABLE * (stats["bytes_limit"] - stats["bytes_in_use"]) if "bytes_limit" in stats else float("inf")
    return _USABLE * max(0.0, min([float(psutil.virtual_memory().available), *_limits()]))


def _limits() -> Iterator[float]:
    """Bytes that control groups and the process's limit of addresses leave."""
    for most, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        for folder in _cgroups():
            with contextlib.suppress(OSError, ValueError):  # no such group, or no limit ("max")
                limit, taken = (int((folder / name).read_text()) for name in (most, used))
                yield limit - taken + _reclaimable((folder / most).parent)
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            yield limit - psutil.Process().memory_info().vms


def _reclaimable(group: Path) -> int:
    """Bytes of cached files that a control group gives up when a process needs memory."""
    with contextlib.suppress(OSError):
        inactive = re.search(r"^(?:total_)?inactive_file (\d+)$", (group / "memory.stat").read_text(), re.M)
        return int(inactive[1]) if inactive else 0
    return 0


def _cgroups() -> list[Path]:
    """The folders of this process's control group and of those that contain it."""
    with contextlib.suppress(OSError, IndexError):
        group = _CGROUP / Path("/proc/self/cgroup").read_text().strip().rpartition(":")[2].lstrip("/")
        return [folder for folder in (group, *group.parents) if folder.is_relative_to(_CGROUP)]
    return [_CGROUP]


def of_model(spec: Spec) -> int:
    """Roughly the bytes that one model takes: four (feature, batch) arrays, W with its gradient and moments, WᵀW."""
    batch = spec.n_features * max(spec.points, most_points(spec))
    return 16 * (batch + 2 * spec.n_features * spec.n_hidden + spec.n_features**2)


def of_program(compiled: Any) -> float:
    """Bytes that a compiled program takes on a device while it runs."""
    sizes = compiled.memory_analysis()
    if sizes is None:
        return 0.0
    arguments = sizes.argument_size_in_bytes + sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return float(sizes.temp_size_in_bytes + arguments)
