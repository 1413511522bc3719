"""What happens to a multirun before Hydra has it: its jobs are refused, or found finished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from superposition_jax.command import jobs
from superposition_jax.command.jobs import ALL, Multirun, refuse_job
from superposition_jax.command.launcher import name_of, refuse_shared
from superposition_jax.config.compose import flatten
from superposition_jax.errors import ConfigError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig


class FinishedMultirun(NamedTuple):
    """A multirun that is finished."""

    folder: Path
    failed: dict[str, str]
    """Why jobs failed, by their names."""


def check(overrides: list[str], config_name: str) -> FinishedMultirun | None:
    """The multirun if it is finished in its folder.

    Raises ConfigError if none of its jobs can be trained, or if it would replace files that are not its own.
    """
    from superposition_jax.results import trackers
    from superposition_jax.storage import manifest, outputs

    multirun = jobs.compose(overrides, config_name)
    trackers.refuse_missing_package(multirun.shared.get("runtime.tracker"))
    configs: dict[Path, RunConfig] = {}
    refused: dict[str, str] = {}
    refuse_shared(multirun.folder, [job.folder for job in multirun.jobs if not job.is_shard])
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
        return _check_together(multirun, configs, refused, earlier.get("failed", {}) if earlier else refused)
    return _check_alone(multirun, configs, earlier)


def _check_together(
    multirun: Multirun, configs: dict[Path, RunConfig], refused: dict[str, str], failed: dict[str, str]
) -> FinishedMultirun | None:
    """The same of jobs that are trained together, of which some are `refused`; `failed`: those that failed before."""
    from superposition_jax.storage import claim

    without_results = {job.folder for job in multirun.jobs if name_of(job.overrides) in failed}
    is_finished = claim.is_finished_multirun(multirun.folder, configs, len(multirun.jobs), without_results)
    if is_finished and refused.keys() <= failed.keys():
        claim.remove_empty_batches(multirun.folder)
        return FinishedMultirun(multirun.folder, failed)
    claim.refuse_other_runs(multirun.folder, configs)
    return None


def _check_alone(multirun: Multirun, configs: dict[Path, RunConfig], earlier: dict[str, Any] | None) -> FinishedMultirun | None:
    """The same of jobs that are trained one by one, of which shards have the multirun's folder in common.

    `earlier`: the manifest there.
    """
    from superposition_jax.storage import claim

    for path, config in configs.items():
        there = claim.refuse_other_run(config, path)
        if path.resolve() == multirun.folder.resolve():
            return FinishedMultirun(path, {}) if there and not config.overwrite and claim.has_results(path, there) else None
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
            refusals[name_of(job.overrides)] = error
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
