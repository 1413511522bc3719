"""What happens to the command line before Hydra has it: `experiment=all` is spelled out, and a bad config is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hydra._internal.utils import get_args_parser

from superposition_jax.command import before_multirun
from superposition_jax.command.before_multirun import ALL
from superposition_jax.config.compose import settings
from superposition_jax.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

_SHOWING = ("-c", "--cfg", "-h", "--help", "--hydra-help", "-i", "--info")
"""Options with which nothing is run."""


def expand(arguments: list[str]) -> list[str]:
    """`experiment=all` as a multirun over all experiments, one after another, each in a folder of its name."""
    if "experiment=all" not in arguments or any(argument in _SHOWING for argument in arguments):
        return arguments
    rest = [argument for argument in arguments if argument not in ("experiment=all", "-m", "--multirun")]
    folder, name = "outputs/all/${now:%Y-%m-%d_%H-%M-%S-%f}", "${hydra:runtime.choices.experiment}"
    return ["--multirun", ALL, "hydra/launcher=basic", f"hydra.sweep.dir={folder}", f"hydra.sweep.subdir={name}", *rest]


def is_to_be_run(arguments: list[str]) -> bool:
    """Whether Hydra has something to do for a command that runs or shows something. Refuses it before Hydra makes a folder."""
    parser = get_args_parser()
    vars(parser)["error"] = _refuse_option
    args = parser.parse_args(arguments)
    for option, folder in (("--config-dir", args.config_dir), ("--config-path", args.config_path)):
        if folder is not None and not os.path.isdir(folder):
            raise ConfigError(f"{option} {folder}: is no folder")
    if (args.resolve or args.package) and not (args.cfg or args.help):
        raise ConfigError(f"--{'resolve' if args.resolve else 'package'}: goes with --cfg or --help")
    if args.experimental_rerun is not None:
        raise ConfigError("--experimental-rerun: is not for this program; resume=<folder> goes on with a run")
    if sum(map(bool, (args.run, args.multirun, args.cfg, args.info, args.shell_completion))) > 1:
        raise ConfigError("--run, --multirun, --cfg, --info and --shell-completion: give one of them")
    if args.shell_completion and "query=bash" not in args.overrides:
        raise ConfigError("-sc: must come first, with install= or uninstall=, bash or zsh")
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return True
    overrides, name = list(args.overrides), args.config_name or "config"
    if args.config_dir:
        from superposition_jax.command import terminal  # which takes time to import

        overrides.append(f"hydra.searchpath=[{terminal.in_hydras_words(f'file://{os.path.abspath(args.config_dir)}')}]")
    is_multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    other = "hydra.run." if is_multirun else "hydra.sweep."
    if misplaced := next((override for override in overrides if override.lstrip("+").startswith(other)), None):
        why = "hydra.sweep.dir is the folder of a multirun" if is_multirun else "goes with -m; hydra.run.dir is a run's folder"
        raise ConfigError(f"{misplaced.partition('=')[0]}: {why}")
    if is_multirun:
        return before_multirun.is_to_be_run(overrides, name)
    from superposition_jax.config import run_config
    from superposition_jax.engine import devices
    from superposition_jax.storage import claim, outputs

    config = run_config.load(overrides, name)
    if not config.distributed:
        devices.usable(config.devices)
    given = settings(args.overrides)
    folder = str(given.get("hydra.run.dir", "${"))
    if "${" not in folder:  # else it has the time, and is new
        claim.refuse_other_run(config, Path(folder))
        if "hydra.output_subdir" not in given:
            outputs.refuse_foreign_to_hydra(Path(folder))
    elif config.shard is not None:
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    return not config.distributed or _join_mesh(config)


def _refuse_option(message: str) -> NoReturn:
    raise ConfigError(message)


def _join_mesh(config: RunConfig) -> bool:
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
