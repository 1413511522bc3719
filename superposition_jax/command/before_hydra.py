"""What happens to the command line before Hydra has it: `experiment=all` is spelled out, and a bad config is refused."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from superposition_jax.command import before_multirun, launcher
from superposition_jax.command.before_multirun import FinishedMultirun
from superposition_jax.command.jobs import ALL
from superposition_jax.config.compose import our_hydra, refusing, settings
from superposition_jax.errors import ConfigError

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


class Checked(NamedTuple):
    """What a command line describes that nothing refuses."""

    config: RunConfig | None = None
    """Of a single run."""
    finished: FinishedMultirun | None = None
    """A multirun with nothing left to do."""


def check(arguments: list[str]) -> Checked:
    """What a command line describes. Raises ConfigError if it cannot be done, before Hydra makes a folder."""
    args = _options(arguments)
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return Checked()
    overrides, name = list(args.overrides), args.config_name or "config"
    if args.config_dir:
        from superposition_jax.command import terminal  # which takes time to import

        overrides.append(f"hydra.searchpath=[{terminal.in_hydras_words(f'file://{os.path.abspath(args.config_dir)}')}]")
    if empty := next((override for override in overrides if override in ("hydra.run.dir=", "hydra.sweep.dir=")), None):
        raise ConfigError(f"{empty}: names no folder; give . for this one")
    is_multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    other = "hydra.run." if is_multirun else "hydra.sweep."
    if misplaced := next((override for override in overrides if override.lstrip("+").startswith(other)), None):
        why = "hydra.sweep.dir is the folder of a multirun" if is_multirun else "goes with -m; hydra.run.dir is a run's folder"
        raise ConfigError(f"{misplaced.partition('=')[0]}: {why}")
    if is_multirun:
        return Checked(finished=before_multirun.check(overrides, name))
    return Checked(config=_check_run(overrides, name))


def _options(arguments: list[str]) -> Namespace:
    """What Hydra's parser makes of a command line. Raises ConfigError for options that are unknown or do not go together."""
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
    return args


def _refuse_option(message: str) -> NoReturn:
    raise ConfigError(message)


def _check_run(overrides: list[str], config_name: str) -> RunConfig:
    """The config of a single run. Raises ConfigError if it cannot be trained, or if its folder is another one's."""
    from superposition_jax.config import run_config
    from superposition_jax.engine import devices
    from superposition_jax.storage import claim, outputs

    config = run_config.load(overrides, config_name)
    if not config.distributed:
        devices.usable(config.devices)
    given = settings(overrides)
    if config.shard is not None and "${now" in str(given.get("hydra.run.dir", "${now")):
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    folder = _folder_of(overrides, config_name)
    claim.refuse_other_run(config, folder)
    if "hydra.output_subdir" not in given:
        outputs.refuse_foreign_to_hydra(folder)
    return config


def _folder_of(overrides: list[str], config_name: str) -> Path:
    """The folder that Hydra will make for a single run."""
    with our_hydra(), refusing(overrides):
        composed = GlobalHydra.instance().config_loader().load_configuration(config_name, overrides, RunMode.RUN)
        with launcher.seen_by_hydra(composed):
            return Path(str(composed.hydra.run.dir))
