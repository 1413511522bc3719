"""The devices of this process, or of several processes with one mesh: each runs the same program, and the first writes."""

import contextlib
import os
import re
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from superposition_jax.errors import ConfigError

_BY_HAND = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def start_devices(devices: int | None) -> None:
    """Give the CPU one device a core (or `devices`), which must happen before JAX starts; later calls change nothing."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(RuntimeError):  # JAX has started: its devices are what they are
        jax.config.update("jax_num_cpu_devices", devices or cores)


def join(devices: int | None) -> None:
    """Start as one of several processes, before JAX touches a device; a later call does nothing.

    SLURM, Open MPI, Kubernetes and TPU say themselves who the others are; elsewhere these variables of the environment do:
    JAX_COORDINATOR_ADDRESS (host:port of the first process), JAX_NUM_PROCESSES and JAX_PROCESS_ID.

    Raises:
      ConfigError: if neither says so, or the others do not come.
    """
    start_devices(devices)
    if jax.distributed.is_initialized():
        return
    numbers = [os.environ.get(name) for name in _BY_HAND[1:]]
    for name, number in zip(_BY_HAND[1:], numbers, strict=True):
        if number is not None and not number.isdecimal():
            raise ConfigError(f"runtime.distributed = True: {name} = {number!r} must be a whole number")
    count, index = (None if number is None else int(number) for number in numbers)
    address = os.environ.get(_BY_HAND[0])
    if address is not None and not re.fullmatch(r".+:\d+", address):
        raise ConfigError(f"runtime.distributed = True: {_BY_HAND[0]} = {address!r} must be host:port")
    try:
        jax.distributed.initialize(num_processes=count, process_id=index)
    except (ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise ConfigError(f"runtime.distributed = True: {reason}; where no cluster says it, set {', '.join(_BY_HAND)}") from error


def is_first() -> bool:
    """Whether this process writes and tells."""
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def call(program: Any, *arguments: Any) -> Any:
    """Call a compiled program with arrays of its own, and with others that every process has whole on its host."""
    if jax.process_count() == 1:
        return program(*arguments)

    def one(array: Any, sharding: Any) -> Any:
        if isinstance(array, jax.Array) or sharding is None:  # an argument that the program does not use has none
            return array
        return jax.make_array_from_callback(np.shape(array), sharding, lambda index: np.asarray(array)[index])

    return program(*jax.tree.map(one, arguments, program.input_shardings[0]))


def fetch(tree: Any) -> Any:
    """Arrays over the devices of all, whole on the host of every process."""
    return jax.device_get(tree) if jax.process_count() == 1 else multihost_utils.process_allgather(tree, tiled=True)


def agreed(number: int) -> int:
    """The first process's number."""
    return number if jax.process_count() == 1 else int(multihost_utils.broadcast_one_to_all(np.int32(number)))
