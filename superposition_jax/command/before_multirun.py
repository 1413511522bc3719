"""What happens to a multirun before Hydra has it: its jobs are composed as Hydra does, and refused, or found finished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from superposition_jax.command import launcher
from superposition_jax.config.compose import flatten, our_hydra, refusing, settings, without_hydra
from superposition_jax.errors import ConfigError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

ALL = "experiment=glob(*,exclude=none)"
"""All experiments, as Hydra's multirun writes it."""


class Job(NamedTuple):
    """A job of a multirun."""

    overrides: launcher.Overrides
    composed: dict[str, Any]
    folder: Path


class Multirun(NamedTuple):
    """What a command line with `-m` describes."""

    folder: Path
    launcher: str
    jobs: list[Job]
    """Empty where only a sweeper or a running job can say what they are."""
    shared: launcher.Overrides
    """Overrides that all jobs have."""

    @property
    def trains_here(self) -> bool:
        """Whether its jobs train on this machine."""
        return self.launcher in ("basic", "batch")


class Finished(NamedTuple):
    """A multirun that is finished."""

    folder: Path
    failed: dict[str, str]
    """Why jobs failed, by their names."""


def check(overrides: list[str], config_name: str) -> Finished | None:
    """The multirun if it is finished in its folder.

    Raises ConfigError if none of its jobs can be trained, or if it would replace files that are not its own.
    """
    from superposition_jax.results import trackers
    from superposition_jax.storage import manifest, outputs

    multirun = _compose(overrides, config_name)
    trackers.refuse_missing_package(multirun.shared.get("runtime.tracker"))
    configs: dict[Path, RunConfig] = {}
    refused: dict[str, str] = {}
    if multirun.launcher == "batch":
        launcher.refuse_shared(multirun.folder, [job.folder for job in multirun.jobs])
    if not multirun.jobs:
        _refuse_shared_values(multirun)
    elif ALL in overrides:
        configs = _configs_of_all_experiments(multirun)
    else:
        configs, refused = _configs(multirun, every=multirun.folder.exists())
    outputs.refuse_foreign_to_hydra(multirun.folder, multirun=True)
    for job in multirun.jobs:
        outputs.refuse_foreign_to_hydra(job.folder)
    earlier = manifest.read(multirun.folder)
    if multirun.launcher == "batch" and configs:
        failed = earlier.get("failed", {}) if earlier else refused
        return _check_together(multirun, configs, failed)
    return _check_alone(multirun, configs, earlier)


def refuse_job(config: RunConfig, given: launcher.Overrides, *, is_one_of_all: bool = False) -> None:
    """Refuse a job for what no job can do, and for what it is given and does not use; of all experiments some use a key."""
    from superposition_jax.config.unused import refuse, unused

    if config.distributed:
        raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
    if not is_one_of_all:
        refuse(unused(given, config.composed, config.grid))


def _check_together(multirun: Multirun, configs: dict[Path, RunConfig], failed: dict[str, str]) -> Finished | None:
    """The same of jobs that are trained together."""
    from superposition_jax.storage import claim

    without_results = {job.folder for job in multirun.jobs if launcher.name_of(job.overrides) in failed}
    if claim.is_finished_multirun(multirun.folder, configs, len(multirun.jobs), without_results):
        claim.remove_empty_batches(multirun.folder)
        return Finished(multirun.folder, failed)
    claim.refuse_other_runs(multirun.folder, configs)
    return None


def _check_alone(multirun: Multirun, configs: dict[Path, RunConfig], earlier: dict[str, Any] | None) -> Finished | None:
    """The same of jobs that are trained one by one, of which shards have the multirun's folder in common.

    `earlier`: the manifest there.
    """
    from superposition_jax.storage import claim

    for path, config in configs.items():
        there = claim.refuse_other_run(config, path)
        if path.resolve() == multirun.folder.resolve():
            return Finished(path, {}) if there and not config.overwrite and claim.has_results(path, there) else None
    if not claim.batches(multirun.folder):
        claim.refuse_to_replace(multirun.folder, earlier, overwrite=multirun.shared.get("runtime.overwrite") is True)
    return None


def _configs(multirun: Multirun, *, every: bool) -> tuple[dict[Path, RunConfig], dict[str, str]]:
    """The configs of jobs that can be trained, by folder, and why others cannot, by name: of `every` one, or up to the first.

    Raises ConfigError if there is none.
    """
    from superposition_jax.config import run_config
    from superposition_jax.config.unused import refuse, unused_options
    from superposition_jax.engine import devices

    configs: dict[Path, RunConfig] = {}
    refusals: dict[str, ConfigError] = {}
    for job in multirun.jobs:
        try:
            config = run_config.read(job.composed)
            if multirun.trains_here:
                devices.usable(config.devices)
            refuse(unused_options(multirun.shared | job.overrides))
            refuse_job(config, job.overrides)
        except ConfigError as error:
            refusals[launcher.name_of(job.overrides)] = error
            continue
        configs[job.folder] = config
        if not every:
            break
    if not configs:
        raise next(iter(refusals.values()))
    return configs, {name: str(error) for name, error in refusals.items()}


def _configs_of_all_experiments(multirun: Multirun) -> dict[Path, RunConfig]:
    """The configs of all experiments, by folder. Raises ConfigError if one cannot be trained, or if none uses a key."""
    from superposition_jax.config import run_config
    from superposition_jax.config.unused import refuse, unused, unused_options
    from superposition_jax.engine import devices

    configs: dict[Path, RunConfig] = {}
    lines: list[dict[str, str]] = []
    for job in multirun.jobs:
        configs[job.folder] = config = run_config.read(job.composed)
        if multirun.trains_here:
            devices.usable(config.devices)
        refuse_job(config, job.overrides, is_one_of_all=True)
        lines.append(unused_options(multirun.shared | job.overrides) | unused(job.overrides, job.composed, config.grid))
    refuse({key: line for key, line in lines[0].items() if all(key in others for others in lines)})
    return configs


def _refuse_shared_values(multirun: Multirun) -> None:
    """Raise ConfigError for values of the command line that no job can have, whatever the others are."""
    from superposition_jax.config import run_config
    from superposition_jax.config.rules import reject
    from superposition_jax.config.schema import LEAVES, RUNTIME
    from superposition_jax.engine import devices
    from superposition_jax.experiments.registry import FIGURES, TABLES

    plain = {key: value for key, value in multirun.shared.items() if "${" not in str(value)}
    run_config.import_modules(plain.get("imports", []))
    for key, value in flatten(plain):
        if key in LEAVES | RUNTIME:
            (LEAVES | RUNTIME)[key].require(key, value)
    for key, registry in (("tables", TABLES), ("figures", FIGURES)):
        names = plain.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) and name in registry for name in names):
            raise reject(key, names, "a list of names among " + ", ".join(registry))
    if plain.get("runtime.distributed"):
        raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
    if multirun.trains_here:
        devices.usable(plain.get("runtime.devices"))


def _compose(overrides: list[str], config_name: str) -> Multirun:
    """A multirun with its jobs, as Hydra's own sweeper splits and composes them."""
    with our_hydra(), refusing(overrides):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(config_name, overrides, RunMode.MULTIRUN)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*master.hydra.overrides.task])
        swept = [override for override in parsed if override.is_sweep_override()]
        lines = [override.input_line for override in swept]
        shared = settings([override for override in overrides if override not in lines])
        with launcher.seen_by_hydra(master):
            folder = Path(str(master.hydra.sweep.dir))
        multirun = Multirun(folder, master.hydra.runtime.choices["hydra/launcher"], [], shared)
        needs_hydra = any("${hydra:" in str(override.input_line) for override in parsed)  # which only a running job has
        if needs_hydra or "BasicSweeper" not in master.hydra.sweeper._target_:
            return multirun
        if empty := next((override.input_line for override in swept if not [*override.sweep_string_iterator()]), None):
            raise ConfigError(f"{empty}: has no values, so there are no jobs")
        compose, [split] = launcher.Composer(loader), BasicSweeper.split_arguments(parsed, None)
        composed = launcher.numbered([compose(master, job) for job in split])
        folders, given = launcher.folders_of(composed), map(launcher.overrides_of, split)
        return multirun._replace(jobs=[*map(Job, given, map(without_hydra, composed), folders)])
