"""What the command line means before Hydra sees it: commands on a run's folder, all experiments, and checks of a single run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from hydra._internal.utils import get_args_parser

from superposition_jax.config.compose import conf_dir
from superposition_jax.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

_EVERY = "experiment=glob(*,exclude=none)"
_SHOWING = ("-c", "--cfg", "-h", "--help", "--hydra-help", "-i", "--info")
"""Options with which nothing is run."""


def expand(arguments: list[str]) -> list[str]:
    """`experiment=all` as a multirun over all of them, each in a folder of its name and done before the next."""
    if "experiment=all" not in arguments or any(argument in _SHOWING for argument in arguments):
        return arguments
    rest = [argument for argument in arguments if argument not in ("experiment=all", "-m", "--multirun")]
    folders = [
        "hydra.sweep.dir=outputs/all/${now:%Y-%m-%d_%H-%M-%S-%f}",
        "hydra.sweep.subdir=${hydra:runtime.choices.experiment}",
    ]
    return ["--multirun", _EVERY, "hydra/launcher=basic", *folders, *rest]


def checked_run(arguments: list[str]) -> RunConfig | None:
    """Refuse the bad config of a single run before Hydra makes a folder for it; returns it checked."""
    args = get_args_parser().parse_args(arguments)
    if _EVERY in args.overrides:
        if any(override.startswith("hydra.run.dir=") for override in args.overrides):
            raise ConfigError("hydra.run.dir: experiment=all makes a folder of folders; give hydra.sweep.dir")
        own = [override for override in args.overrides if not override.startswith(("experiment=", "hydra"))]
        for name in sorted({path.stem for path in Path(conf_dir(), "experiment").glob("*.yaml")} - {"none"}):
            checked_run([f"experiment={name}", *own])
        return None
    given = {key.lstrip("+"): value.strip("'\"") for key, _, value in (o.partition("=") for o in args.overrides)}
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return None
    if args.multirun:
        _check_multirun(given)
        return None
    from superposition_jax.config import run_config
    from superposition_jax.storage import manifest

    search = [f"hydra.searchpath=[file://{os.path.abspath(args.config_dir)}]"] if args.config_dir else []
    experiment = run_config.load([*args.overrides, *search], args.config_name or "config")
    folder = given.get("hydra.run.dir")
    if folder and "${" not in folder:  # else it has the time, and is new
        manifest.refuse_other_run(experiment, Path(folder))
    elif experiment.shard is not None:
        raise ConfigError(f"runtime.shard = {experiment.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    return experiment


def _check_multirun(given: dict[str, str]) -> None:
    """Refuse a multirun into a folder whose results it would replace, or whose tracker is not there."""
    from superposition_jax.results import trackers
    from superposition_jax.storage import manifest

    trackers.refuse_missing_package(given.get("runtime.tracker"))
    folder, there = given.get("hydra.sweep.dir", "${"), None
    if "${" not in folder and given.get("runtime.overwrite") != "true":
        there = manifest.read(Path(folder))
    shards = given.get("hydra.sweep.subdir") == "."  # which may be run again where they are not all finished
    if there and not (shards and there["status"] == "running"):
        raise ConfigError(f"{folder}: has results; use another folder, or runtime.overwrite=true")


class OnFolder(NamedTuple):
    """A command on a run's folder, `<name>=<folder>`."""

    do: Callable[[Path, dict[str, Any]], object]
    """Takes the folder, and what stands beside it."""
    beside: str | None = None
    """What keys that may stand beside it begin with; None: there are none."""


def _merge(folder: Path, beside: dict[str, Any]) -> None:
    from superposition_jax.command import shards

    shards.merge(folder)


def _resume(folder: Path, beside: dict[str, Any]) -> None:
    from superposition_jax.command import shards

    shards.resume(folder, {key.removeprefix("runtime."): value for key, value in beside.items()})


def _info(folder: Path, beside: dict[str, Any]) -> None:
    from superposition_jax.command import info

    _write(str(folder), info.rows(folder))


def _explore(folder: Path, beside: dict[str, Any]) -> None:
    from superposition_jax.command import api

    try:
        page = api.explore(folder)
    except FileNotFoundError as error:
        raise ConfigError(f"explore = {str(folder)!r}: has no run; give a folder like outputs/<name>/<time>") from error
    sys.stdout.write(f"explore  {page.file}\n")


ON_FOLDER = {
    "merge": OnFolder(_merge),
    "resume": OnFolder(_resume, "runtime."),
    "info": OnFolder(_info),
    "explore": OnFolder(_explore),
}
"""`merge` puts shards together, `resume` goes on with a run, `info` says what a folder holds, `explore` makes its page; folders
know their config."""


def on_folder(arguments: list[str]) -> bool:
    """Do the command on a folder that is asked for; False if none is."""
    given = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
    name = next((name for name in ON_FOLDER if name in given), None)
    if name is None:
        return False
    command, folder = ON_FOLDER[name], Path(given.pop(name))
    if other := [key for key in given if command.beside is None or not key.startswith(command.beside)]:
        allowed = "nothing" if command.beside is None else f"{command.beside}… only"
        raise ConfigError(
            f"{other[0]} = {given[other[0]]!r}: {name}={folder} takes {allowed} beside it; the folder knows its config"
        )
    try:
        beside = {key: yaml.safe_load(value) for key, value in given.items()}
    except yaml.YAMLError as error:
        raise ConfigError(f"{', '.join(f'{key}={value}' for key, value in given.items())}: cannot be read") from error
    command.do(folder, beside)
    return True


def catalogue(arguments: list[str]) -> bool:
    """`--list [imports=[…]]` writes what there is to choose from; False if that is not asked for."""
    if "--list" not in arguments:
        return False
    given = [argument for argument in arguments if argument != "--list"]
    if other := [argument for argument in given if not argument.startswith("imports=")]:
        raise ConfigError(f"{other[0]}: --list takes imports=[…] only beside it")
    from superposition_jax.command import listing

    try:
        imports = yaml.safe_load(given[0].partition("=")[2]) if given else []
    except yaml.YAMLError as error:
        raise ConfigError(f"{given[0]}: must be a list of modules") from error
    for section in listing.sections(imports):
        _write(section.title, section.entries.items())
    return True


def _write(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """A table of two columns, as wide as the terminal; plain lines where there is none, to be searched. No control characters."""
    from rich.console import Console  # which takes a tenth of a second, too long for TAB
    from rich.table import Column, Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True, markup=False)
    rows = [("".join(filter(str.isprintable, name)), "".join(filter(str.isprintable, text))) for name, text in rows]
    if console.is_terminal:
        table = Table.grid(Column(no_wrap=True, style="cyan"), Column(overflow="fold"), padding=(0, 0, 0, 2))
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(Text(title, style="bold"), table, "", sep="\n", soft_wrap=False)
        return
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {text}".rstrip() for name, text in rows]
    console.print(title, *lines, "", sep="\n")


def joined(experiment: RunConfig) -> bool:
    """Join the processes of one mesh. The first goes on, and others only compute: no folder, no words."""
    from jax.errors import JaxRuntimeError

    from superposition_jax.command import pipeline
    from superposition_jax.engine import devices

    devices.join_processes(experiment.devices)
    if devices.is_first_process():
        return True
    try:
        pipeline.run(experiment)
    except JaxRuntimeError as error:
        raise StorageError(f"another process of the mesh has failed: {str(error).splitlines()[0]}") from error
    return False
