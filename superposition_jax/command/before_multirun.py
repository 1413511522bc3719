"""What happens to a multirun before Hydra has it: its jobs are composed as Hydra does, and refused, or found finished."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from superposition_jax.config.compose import our_hydra, refusing, settings, without_hydra
from superposition_jax.errors import ConfigError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

ALL = "experiment=glob(*,exclude=none)"
"""All experiments, as Hydra's multirun writes it."""


class Job(NamedTuple):
    """A job of a multirun."""

    overrides: list[str]
    composed: dict[str, Any]
    folder: Path


def is_to_be_run(overrides: list[str], config_name: str) -> bool:
    """Whether a multirun is not finished in its folder.

    Raises ConfigError if none of its jobs can be trained, or if it would replace files that are not its own.
    """
    from superposition_jax.command import launcher
    from superposition_jax.results import trackers
    from superposition_jax.storage import claim, manifest, outputs

    plain = settings(overrides)
    trackers.refuse_missing_package(plain.get("runtime.tracker"))
    folder, overwrite = Path(str(plain.get("hydra.sweep.dir", "${"))), plain.get("runtime.overwrite") is True
    is_batch = plain.get("hydra/launcher", "batch") == "batch"
    if any(o.startswith("hydra/sweeper=") or ("${hydra:" in o and not o.startswith("hydra.")) for o in overrides):
        jobs: list[Job] = []  # which a sweeper makes as it goes on
    else:
        folder, jobs = _compose_jobs(overrides, config_name)
        if is_batch:
            launcher.refuse_shared(folder, [job.folder for job in jobs])
    configs = _refuse_jobs(jobs, plain, every=folder.exists()) if jobs else {}
    outputs.refuse_foreign_to_hydra(folder, multirun=True)
    for job in jobs:
        outputs.refuse_foreign_to_hydra(job.folder)
    if is_batch and configs:
        if claim.is_finished_multirun(folder, configs, len(jobs)):
            sys.stdout.write(f"{folder}: is finished; runtime.overwrite=true trains it again\n")
            return False
        claim.replaced_by(folder, configs)
    elif not claim.batches(folder):
        earlier = manifest.read(folder)
        is_of_shards = plain.get("hydra.sweep.subdir") == "." and (earlier or {}).get("status") == "running"
        claim.refuse_results(folder, None if is_of_shards else earlier, overwrite=overwrite)
    return True


def refuse_job(config: RunConfig, given: dict[str, Any]) -> None:
    """Refuse a job for what no job can do, and for what it is given and does not use."""
    from superposition_jax.config.unused import refuse, unused

    if config.distributed:
        raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
    if ALL not in sys.argv:  # some of all experiments use a key
        refuse(unused(given, config.composed, config.grid))


def _refuse_jobs(jobs: list[Job], of_command: dict[str, Any], *, every: bool) -> dict[Path, RunConfig]:
    """The configs of jobs that can be trained, by folder: of `every` one, or of the first one that can be.

    Raises ConfigError if there is none; of all experiments also if one cannot be trained, or if none uses a key.
    """
    from superposition_jax.config import run_config
    from superposition_jax.config.unused import refuse, unused, unused_options
    from superposition_jax.engine import devices

    configs, refusals = {}, []
    unused_by_all: dict[str, str] | None = None
    is_one_of_all = ALL in sys.argv
    is_here = of_command.get("hydra/launcher", "batch") in ("basic", "batch")  # others train on other machines
    for job in jobs:
        given = settings(job.overrides)
        try:
            config = run_config.read(job.composed)
            if is_here:
                devices.usable(config.devices)
            lines = unused_options(of_command | given)
            refuse({} if is_one_of_all else lines)
            refuse_job(config, given)
        except ConfigError as error:
            if is_one_of_all:
                raise
            refusals.append(error)
            continue
        configs[job.folder] = config
        if not is_one_of_all and not every:
            break
        lines |= unused(given, job.composed, config.grid)
        unused_by_all = {key: line for key, line in lines.items() if unused_by_all is None or key in unused_by_all}
    if not configs:
        raise refusals[0]
    refuse(unused_by_all or {})
    return configs


def _compose_jobs(overrides: list[str], config_name: str) -> tuple[Path, list[Job]]:
    """The folder of a multirun and its jobs, as Hydra's own sweeper splits and composes them."""
    from superposition_jax.command import launcher

    with our_hydra(), refusing(overrides):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(config_name, overrides, RunMode.MULTIRUN)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*master.hydra.overrides.task])
        [jobs] = BasicSweeper.split_arguments(parsed, None)
        if empty := next((o.input_line for o in parsed if o.is_sweep_override() and not [*o.sweep_string_iterator()]), None):
            raise ConfigError(f"{empty}: has no values, so there are no jobs")
        compose = launcher.Composer(loader)
        composed = [compose(master, job) for job in jobs]
        folders = launcher.folders_of(composed)
        return Path(str(master.hydra.sweep.dir)), [*map(Job, jobs, map(without_hydra, composed), folders)]
