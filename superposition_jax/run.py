"""The command: `python -m superposition_jax.run [key=value …]`, and the console script `superposition-jax`.

Hydra composes the config and makes the run's folder; `superposition_jax.run([...])` is the same from Python.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from superposition_jax.command import api, before_hydra, completion, folder_commands
from superposition_jax.command.before_multirun import FinishedMultirun
from superposition_jax.command.jobs import ALL, refuse_job
from superposition_jax.config.compose import VERSION_BASE, conf_dir, in_one_line, settings, to_dict
from superposition_jax.engine import stopping
from superposition_jax.errors import ConfigError, JobFailed, StorageError
from superposition_jax.version import __version__

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig


def task_of(arguments: list[str]) -> Callable[[DictConfig], float | None]:
    """What Hydra does for every job of a command line."""

    def task(composed: DictConfig) -> float | None:
        """Train, save and draw into the job's folder. Returns the mean final loss, for Hydra's sweepers."""
        from superposition_jax.command import shards, terminal  # JAX is imported late, so that --help is quick
        from superposition_jax.config import run_config

        is_single = HydraConfig.get().mode == RunMode.RUN
        try:
            config, folder = run_config.read(to_dict(composed)), Path(HydraConfig.get().runtime.output_dir)
            if not is_single:
                given = settings(HydraConfig.get().overrides.task)
                refuse_job(config, given, is_one_of_all=ALL in arguments)
            dataset = shards.run(config, folder, progress=True)
            return None if dataset is None else float(dataset["loss"].mean())
        except stopping.Stopped:
            if not is_single:
                folder = Path(str(HydraConfig.get().sweep.dir))
                sys.stdout.write(f"         or with all jobs: {terminal.same_command(folder)}\n")
            raise
        except (ConfigError, StorageError) as error:
            if is_single:
                _refuse(error)
            raise  # of a multirun other jobs go on

    return task


def _refuse(error: Exception) -> NoReturn:
    """Write one line, and exit with 2 for bad input, 1 for a folder that fails."""
    line = "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(error))
    sys.stderr.write(f"superposition_jax: {line}\n")
    sys.exit(2 if isinstance(error, ConfigError) else 1)


def main() -> None:
    """Check, then hand over to Hydra. Bad input: one line on stderr, exit status 2, nothing written."""
    sys.argv[1:] = before_hydra.expand(sys.argv[1:])
    sys.path.insert(0, os.getcwd())  # for `imports`, where the console script is the program
    with stopping.handled():
        try:
            _answer(sys.argv[1:])
        except (ConfigError, StorageError, OSError) as error:
            _refuse(error)
        except stopping.Stopped as stopped:
            sys.exit(stopped.status)


def _answer(arguments: list[str]) -> None:
    if completion.answer(arguments):
        return
    if "--version" in arguments:
        sys.stdout.write(f"superposition_jax {__version__}\n")
    elif "--list" in arguments:
        from superposition_jax.command import listing

        listing.write(arguments)
    elif not folder_commands.answer(arguments):
        config, finished = before_hydra.check(arguments)
        if finished:
            _say_finished(finished)
        elif not config or not config.distributed or _is_first_of_mesh(config):
            _hand_over_to_hydra(arguments)


def _say_finished(multirun: FinishedMultirun) -> None:
    """Say that a multirun is finished, and which of its jobs failed; then exit as it did."""
    sys.stdout.write(f"{multirun.folder}: is finished; runtime.overwrite=true trains it again\n")
    for name, error in multirun.failed.items():
        sys.stderr.write(f"superposition_jax: job {name}: {error}\n")
    sys.exit(1 if multirun.failed else 0)


def _is_first_of_mesh(config: RunConfig) -> bool:
    """Join the processes of one mesh; whether this is the first, which goes on. The others train here, and write nothing."""
    from jax.errors import JaxRuntimeError

    from superposition_jax.command import pipeline
    from superposition_jax.engine import devices

    devices.join_processes(config.devices)
    if devices.is_first_process():
        return True
    try:
        pipeline.run(config)
    except JaxRuntimeError as error:
        raise StorageError(f"another process of the mesh has failed: {str(error).splitlines()[0]}") from error
    return False


def _hand_over_to_hydra(arguments: list[str]) -> None:
    from superposition_jax.command import launcher

    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here as they are
    launcher.register()
    status = 0
    try:
        hydra.main(**VERSION_BASE, config_path=conf_dir(), config_name="config")(task_of(arguments))()
    except JobFailed:
        status = 1
    except (HydraException, OmegaConfBaseException) as error:
        overrides = [argument for argument in arguments if "=" in argument or argument.startswith("~")]
        raise ConfigError(in_one_line(error, overrides, "; if all jobs have it, write ++key=value")) from error
    if multirun := launcher.BatchLauncher.latest:
        multirun.close()
    sys.exit(status)


class _Callable(ModuleType):
    """`superposition_jax.run` is this module and a function: importing the one must not hide the other."""

    __call__ = staticmethod(api.run)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    main()
