"""What happens to the command line before Hydra has it: `experiment=all` is spelled out, and a bad config is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.utils import get_args_parser

from superposition_jax.config.compose import conf_dir
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
    args = get_args_parser().parse_args(arguments)
    if _ALL in args.overrides:
        if any(override.startswith("hydra.run.dir=") for override in args.overrides):
            raise ConfigError("hydra.run.dir: experiment=all makes a folder of folders; give hydra.sweep.dir")
        others = [override for override in args.overrides if not override.startswith(("experiment=", "hydra"))]
        for name in sorted({path.stem for path in Path(conf_dir(), "experiment").glob("*.yaml")} - {"none"}):
            checked_config([f"experiment={name}", *others])
        return None
    given = {key.lstrip("+"): value.strip("'\"") for key, _, value in (o.partition("=") for o in args.overrides)}
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return None
    if args.multirun:
        _refuse_multirun(given)
        return None
    from superposition_jax.config import run_config
    from superposition_jax.storage import claim

    search = [f"hydra.searchpath=[file://{os.path.abspath(args.config_dir)}]"] if os.path.isdir(args.config_dir or "") else []
    config = run_config.load([*args.overrides, *search], args.config_name or "config")
    folder = given.get("hydra.run.dir")
    if folder and "${" not in folder:  # else it has the time, and is new
        claim.refuse_other_run(config, Path(folder))
    elif config.shard is not None:
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs hydra.run.dir=<the folder that all shards share>")
    return config


def _refuse_multirun(given: dict[str, str]) -> None:
    """Refuse a multirun into a folder whose results it would replace, or with a tracker that is not installed."""
    from superposition_jax.results import trackers
    from superposition_jax.storage import claim, manifest

    trackers.refuse_missing_package(given.get("runtime.tracker"))
    folder = given.get("hydra.sweep.dir", "${")
    if "${" not in folder:
        shards = given.get("hydra.sweep.subdir") == "."  # which may be run again where they are not all finished
        if not shards or (manifest.read(Path(folder)) or {}).get("status") != "running":
            overwrite = given.get("runtime.overwrite", "").lower() == "true"
            claim.refuse_finished_multirun(Path(folder), overwrite=overwrite)


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
