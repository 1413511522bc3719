"""The command: `python -m superposition_jax.run [key=value …]`, and the console script `superposition-jax`.

Hydra composes the config and makes the run's folder; `superposition_jax.run([...])` is the same from Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

import superposition_jax
from superposition_jax import signals
from superposition_jax.compose import VERSION_BASE, conf_dir, to_dict
from superposition_jax.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from superposition_jax.config import Experiment


def task(composed: DictConfig) -> float | None:
    """One Hydra job: train, save and draw into the job's folder. Returns the mean final loss, for Hydra's sweepers."""
    from superposition_jax import config, pipeline, shards  # JAX is imported late, so that --help is quick

    try:
        experiment, folder = config.read(to_dict(composed)), Path(HydraConfig.get().runtime.output_dir)
        if experiment.distributed and HydraConfig.get().mode != RunMode.RUN:
            raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
        if experiment.shard is not None:
            shards.train(experiment, folder, progress=True)
            return None
        return float(pipeline.run(experiment, directory=folder, progress=True)["loss"].mean())
    except (ConfigError, StorageError) as error:
        if HydraConfig.get().mode == RunMode.RUN:
            _refuse(error)
        raise  # of a multirun other jobs go on


def _refuse(error: Exception) -> NoReturn:
    """One line, and 2 for bad input, 1 for a folder that fails."""
    sys.stderr.write(f"superposition_jax: {error}\n")
    sys.exit(2 if isinstance(error, ConfigError) else 1)


_EVERY = "experiment=glob(*,exclude=none)"
_SHOWING = ("-c", "--cfg", "-h", "--help", "--hydra-help", "-i", "--info")
"""Options with which nothing is run."""


def _every_experiment(arguments: list[str]) -> list[str]:
    """`experiment=all` as a multirun over all of them, each in a folder of its name and done before the next."""
    if "experiment=all" not in arguments or any(argument in _SHOWING for argument in arguments):
        return arguments
    rest = [argument for argument in arguments if argument not in ("experiment=all", "-m", "--multirun")]
    folders = ["hydra.sweep.dir=outputs/all/${now:%Y-%m-%d_%H-%M-%S}", "hydra.sweep.subdir=${hydra:runtime.choices.experiment}"]
    return ["--multirun", _EVERY, "hydra/launcher=basic", *folders, *rest]


def _check(arguments: list[str]) -> Experiment | None:
    """Refuse the bad config of a single run before Hydra makes a folder for it; returns it checked."""
    args = get_args_parser().parse_args(arguments)
    if _EVERY in args.overrides:
        own = [override for override in args.overrides if not override.startswith(("experiment=", "hydra"))]
        for name in sorted({path.stem for path in Path(conf_dir(), "experiment").glob("*.yaml")} - {"none"}):
            _check([f"experiment={name}", *own])
        return None
    if args.help or args.hydra_help or args.multirun or args.cfg or args.info or args.shell_completion:
        return None
    from superposition_jax import config, manifest

    search = [f"hydra.searchpath=[file://{os.path.abspath(args.config_dir)}]"] if args.config_dir else []
    experiment = config.load([*args.overrides, *search], args.config_name or "config")
    folders = [given.removeprefix("hydra.run.dir=") for given in args.overrides if given.startswith("hydra.run.dir=")]
    if folders and "${" not in folders[-1]:  # else it has the time, and is new
        manifest.check(experiment, Path(folders[-1]))
    elif experiment.shard is not None:
        raise ConfigError(f"runtime.shard = {experiment.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    return experiment


def _on_folder(arguments: list[str]) -> bool:
    """`merge=<folder>` puts the shards there together, `resume=<folder>` goes on; they know their config."""
    given = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
    command = next((key for key in ("merge", "resume") if key in given), None)
    if command is None:
        return False
    from superposition_jax import shards

    folder = Path(given.pop(command))
    if other := [key for key in given if command == "merge" or not key.startswith("runtime.")]:
        allowed = "nothing" if command == "merge" else "runtime.… only"
        raise ConfigError(
            f"{other[0]} = {given[other[0]]!r}: {command}={folder} takes {allowed} beside it; the folder knows its config"
        )
    if command == "merge":
        shards.merge(folder)
    else:
        shards.resume(folder, {key.removeprefix("runtime."): OmegaConf.create(f"x: {value}").x for key, value in given.items()})
    return True


def _joined(experiment: Experiment) -> bool:
    """Join the processes of one mesh. The first goes on, and others only compute: no folder, no words."""
    from jax.errors import JaxRuntimeError

    from superposition_jax import pipeline, processes

    processes.join(experiment.devices)
    if processes.is_first():
        return True
    try:
        pipeline.run(experiment)
    except JaxRuntimeError as error:
        raise StorageError(f"another process of the mesh has failed: {str(error).splitlines()[0]}") from error
    return False


def main() -> None:
    """Check, then hand over to Hydra. Bad input: one line on stderr, exit status 2, nothing written."""
    sys.argv[1:] = _every_experiment(sys.argv[1:])
    sys.path.insert(0, os.getcwd())  # for `imports`, where the console script is the program
    with signals.handled():
        try:
            _run()
        except (ConfigError, StorageError, OSError) as error:
            _refuse(error)
        except signals.Stopped as stopped:
            sys.exit(stopped.status)


def _run() -> None:
    if _on_folder(sys.argv[1:]):
        return
    experiment = _check(sys.argv[1:])
    if experiment:
        os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here as they are
        if experiment.distributed and not _joined(experiment):
            return
    from superposition_jax import launcher

    launcher.register()
    hydra.main(**VERSION_BASE, config_path=conf_dir(), config_name="config")(task)()


class _Callable(ModuleType):
    """`superposition_jax.run` is this module and a function: importing the one must not hide the other."""

    __call__ = staticmethod(superposition_jax.run)


sys.modules[__name__].__class__ = _Callable

if __name__ == "__main__":
    main()
