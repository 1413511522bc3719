"""The devices of this process, or of several processes that share a mesh: all run the same program, the first one writes."""

import contextlib
import os
import re
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from superposition_jax.errors import ConfigError

_NUMBER = (r"\d+", "a whole number")
_VARIABLES = {"JAX_COORDINATOR_ADDRESS": (r".+:\d+", "host:port"), "JAX_NUM_PROCESSES": _NUMBER, "JAX_PROCESS_ID": _NUMBER}
"""Environment variables that describe a group of processes where no cluster does, and their form."""


def set_cpu_devices(devices: int | None) -> None:
    """Split the CPU into `devices` devices, by default one per core. JAX must not have started; later calls change nothing."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(RuntimeError):  # JAX has started: its devices are what they are
        jax.config.update("jax_num_cpu_devices", devices or cores)


def usable(devices: int | None) -> list[jax.Device]:
    """This process's devices, of which `devices` are used (None: all).

    Raises:
      ConfigError: if there are fewer, none of the platform that is asked for, or if JAX computes in double precision.
    """
    set_cpu_devices(devices)
    if jax.config.values["jax_enable_x64"]:
        raise ConfigError("JAX_ENABLE_X64 = True: models train in single precision; unset it")
    asked = jax.config.values["jax_platforms"]
    try:
        local = jax.local_devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts where a known platform has no device
        jax.config.update("jax_platforms", None)
        platforms = ", ".join(sorted({device.platform for device in jax.local_devices()}))
        jax.config.update("jax_platforms", asked)
        raise ConfigError(f"JAX_PLATFORMS = {asked!r}: cannot be used; this machine has: {platforms}") from error
    if (devices or 0) > len(local):
        raise ConfigError(f"runtime.devices = {devices}: this process has {len(local)}")
    return local[:devices]


def in_words(devices: int | None) -> str:
    """The devices that train, in words."""
    used = usable(devices)
    kinds = ", ".join(sorted({device.device_kind for device in used} - {device.platform for device in used}))
    number = len(used) * jax.process_count()
    return f"{number} {used[0].platform} device{'' if number == 1 else 's'}{f' ({kinds})' if kinds else ''}"


def join_processes(devices: int | None) -> None:
    """Start as one of several processes, before JAX touches a device; a later call does nothing.

    SLURM, Open MPI, Kubernetes and TPU tell JAX which processes there are. Elsewhere environment variables do:
    JAX_COORDINATOR_ADDRESS (host:port of the first process), JAX_NUM_PROCESSES and JAX_PROCESS_ID.

    Raises:
      ConfigError: if nothing describes the processes, or the others do not start.
    """
    set_cpu_devices(devices)
    if jax.distributed.is_initialized():
        return
    for name, (pattern, form) in _VARIABLES.items():
        if name in os.environ and not re.fullmatch(pattern, os.environ[name]):
            raise ConfigError(f"runtime.distributed = True: {name} = {os.environ[name]!r} must be {form}")
    count, index = (int(os.environ[name]) if name in os.environ else None for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"))
    try:
        jax.distributed.initialize(num_processes=count, process_id=index)
    except (ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        where = f"where no cluster says it, set {', '.join(_VARIABLES)}"
        raise ConfigError(f"runtime.distributed = True: {reason}; {where}") from error


def is_first_process() -> bool:
    """Whether this process is the one that writes files and prints."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def run_program(program: Any, *arguments: Any) -> Any:
    """Call a compiled program with arrays on the devices, or with host arrays that are the same in every process."""
    if jax.process_count() == 1:
        return program(*arguments)

    def distribute(array: Any, sharding: Any) -> Any:
        if isinstance(array, jax.Array) or sharding is None:  # an argument that the program does not use has no sharding
            return array
        return jax.make_array_from_callback(np.shape(array), sharding, lambda index: np.asarray(array)[index])

    return program(*jax.tree.map(distribute, arguments, program.input_shardings[0]))


def to_host(tree: Any) -> Any:
    """Arrays that are distributed over all devices, whole on the host of every process."""
    return jax.device_get(tree) if jax.process_count() == 1 else multihost_utils.process_allgather(tree, tiled=True)


def from_first_process(number: int) -> int:
    """The value that `number` has in the first process."""
    return number if jax.process_count() == 1 else int(multihost_utils.broadcast_one_to_all(np.int32(number)))
