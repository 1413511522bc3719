"""What happens to the command line before Hydra has it: `experiment=all` is spelled out, and a bad config is refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from superposition_jax.config.compose import our_hydra, refusing, settings, without_hydra
from superposition_jax.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

_ALL = "experiment=glob(*,exclude=none)"
"""All experiments, as Hydra's multirun writes it."""
_SHOWING = ("-c", "--cfg", "-h", "--help", "--hydra-help", "-i", "--info")
"""Options with which nothing is run."""


def expand(arguments: list[str]) -> list[str]:
    """`experiment=all` as a multirun over all experiments, one after another, each in a folder of its name."""
    if "experiment=all" not in arguments or any(argument in _SHOWING for argument in arguments):
        return arguments
    rest = [argument for argument in arguments if argument not in ("experiment=all", "-m", "--multirun")]
    folder, name = "outputs/all/${now:%Y-%m-%d_%H-%M-%S-%f}", "${hydra:runtime.choices.experiment}"
    return ["--multirun", _ALL, "hydra/launcher=basic", f"hydra.sweep.dir={folder}", f"hydra.sweep.subdir={name}", *rest]


def checked_config(arguments: list[str]) -> RunConfig | None:
    """The config of a single run, refused if it is bad, before Hydra makes a folder for it; None if there is no single run."""
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
        return None
    search = [f"hydra.searchpath=[file://{os.path.abspath(args.config_dir)}]"] if args.config_dir else []
    overrides, name = [*args.overrides, *search], args.config_name or "config"
    is_multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    other = "hydra.run." if is_multirun else "hydra.sweep."
    if misplaced := next((override for override in overrides if override.lstrip("+").startswith(other)), None):
        why = "hydra.sweep.dir is the folder of a multirun" if is_multirun else "goes with -m; hydra.run.dir is a run's folder"
        raise ConfigError(f"{misplaced.partition('=')[0]}: {why}")
    if is_multirun:
        _refuse_multirun(overrides, name)
        return None
    from superposition_jax.config import run_config
    from superposition_jax.engine import devices
    from superposition_jax.storage import claim

    config = run_config.load(overrides, name)
    if not config.distributed:
        devices.usable(config.devices)
    folder = str(settings(args.overrides).get("hydra.run.dir", "${"))
    if "${" not in folder:  # else it has the time, and is new
        claim.refuse_other_run(config, Path(folder))
    elif config.shard is not None:
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    return config


def _refuse_option(message: str) -> NoReturn:
    raise ConfigError(message)


def refuse_job(config: RunConfig, overrides: Sequence[str]) -> None:
    """Refuse a job of a multirun that is trained by itself, not together with others."""
    from superposition_jax.config.unused import refuse, unused

    if config.distributed:
        raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
    if _ALL not in sys.argv:  # some of all experiments use a key
        refuse(unused(settings(overrides), config.composed, config.grid))


def _refuse_multirun(overrides: list[str], config_name: str) -> None:
    """Refuse a multirun none of whose jobs can be trained, or into a folder whose results it would replace."""
    from superposition_jax.results import trackers
    from superposition_jax.storage import claim, manifest

    plain = settings(overrides)
    trackers.refuse_missing_package(plain.get("runtime.tracker"))
    folder = str(plain.get("hydra.sweep.dir", "${"))
    if "${" not in folder:
        shards = plain.get("hydra.sweep.subdir") == "."  # which may be run again where they are not all finished
        if not shards or (manifest.read(Path(folder)) or {}).get("status") != "running":
            claim.refuse_finished_multirun(Path(folder), overwrite=plain.get("runtime.overwrite") is True)
    if not any(o.startswith("hydra/sweeper=") or ("${hydra:" in o and not o.startswith("hydra.")) for o in overrides):
        _refuse_jobs(overrides, config_name)


def _refuse_jobs(overrides: list[str], config_name: str) -> None:
    """Refuse jobs of which none can be trained; of all experiments also if one cannot be, or if none uses a key."""
    from superposition_jax.config import run_config
    from superposition_jax.config.unused import refuse, unused, unused_options
    from superposition_jax.engine import devices

    refusals: list[ConfigError] = []
    unused_by_all: dict[str, str] | None = None
    of_command, is_one_of_all = settings(overrides), _ALL in overrides
    is_here = of_command.get("hydra/launcher", "batch") in ("basic", "batch")  # others train on other machines
    for job, composed in _compose_jobs(overrides, config_name):
        given = settings(job)
        try:
            config = run_config.read(composed)
            if is_here:
                devices.usable(config.devices)
            lines = unused_options(of_command | given) | unused(given, composed, config.grid)
            if not is_one_of_all:
                return refuse(lines)
        except ConfigError as error:
            if is_one_of_all:
                raise
            refusals.append(error)
        else:
            unused_by_all = {key: line for key, line in lines.items() if unused_by_all is None or key in unused_by_all}
    if refusals:
        raise refusals[0]
    refuse(unused_by_all or {})


def _compose_jobs(overrides: list[str], config_name: str) -> list[tuple[list[str], dict[str, Any]]]:
    """The overrides of every job, as Hydra's own sweeper splits them, and the config that they describe."""
    from superposition_jax.command.launcher import Composer

    with our_hydra(), refusing(overrides):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(config_name, overrides, RunMode.MULTIRUN)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*master.hydra.overrides.task])
        [jobs] = BasicSweeper.split_arguments(parsed, None)
        if empty := next((o.input_line for o in parsed if o.is_sweep_override() and not [*o.sweep_string_iterator()]), None):
            raise ConfigError(f"{empty}: has no values, so there are no jobs")
        compose = Composer(loader)
        return [(job, without_hydra(compose(master, job))) for job in jobs]


def join_mesh(config: RunConfig) -> bool:
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
