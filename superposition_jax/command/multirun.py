"""The jobs of a Hydra multirun, trained together: each is refused, or has trained models and saves them in a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from superposition_jax.command import pipeline
from superposition_jax.command.finish import Trained, finish
from superposition_jax.command.jobs import refuse_job
from superposition_jax.command.launcher import Overrides
from superposition_jax.command.terminal import console_for, count, same_command
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import devices
from superposition_jax.errors import ConfigError, JobFailed
from superposition_jax.storage import claim
from superposition_jax.storage.checkpoint import RunStore


@dataclass(frozen=True)
class RefusedJob:
    """A job that cannot be trained."""

    overrides: Overrides
    error: str
    """Why it failed."""

    def finish(self, folder: Path) -> float:
        """Raises JobFailed."""
        raise JobFailed(self.error)


@dataclass(frozen=True)
class TrainedJob:
    """A job whose models are trained."""

    overrides: Overrides
    config: RunConfig
    trained: Trained

    @cached_property
    def error(self) -> str:
        """Why the job failed: its last divergence, if all of its models diverged; else empty."""
        diverged_at = np.concatenate([results["diverged_at"] for results in self.trained.results])
        return f"diverged at step {diverged_at.max()}" if (diverged_at >= 0).all() else ""

    def finish(self, folder: Path) -> float:
        """Save the job's own results; returns its mean final loss for Hydra's sweepers. Raises JobFailed where all diverged."""
        config = self.config._replace(tracker=None)  # the multirun is logged as one run, and has a page
        config = config if config.grid.axes else config._replace(figures=[])  # a single model is in the multirun's figures
        dataset = finish(config, self.trained, folder, console_for(False), page=False)
        if self.error:
            raise JobFailed(self.error)
        return float(dataset["loss"].mean())


Job = RefusedJob | TrainedJob


def train(
    composed: Sequence[dict[str, Any]],
    overrides: Sequence[Overrides],
    folder: Path,
    first: int,
    folders: Sequence[Path],
    *,
    are_all_experiments: bool,
) -> list[Job]:
    """Train jobs together, numbered from `first`, for `folders` of theirs; those of equal runtime settings share programs.

    What is finished stays in the multirun's folder until all jobs have theirs, so that the same command goes on there. Raises
    ConfigError if results of others would be replaced.
    """
    jobs: dict[int, Job] = {}
    configs: dict[int, RunConfig] = {}
    for number, job_overrides in enumerate(overrides):
        try:
            configs[number] = _checked(composed[number], job_overrides, is_one_of_all=are_all_experiments)
        except ConfigError as error:
            jobs[number] = RefusedJob(job_overrides, str(error))
    console = console_for(True)
    where = f", on {devices.in_words(next(iter(configs.values())).devices)}" if configs else ""
    console.print(f"{count(len(overrides), 'job')}{f', {len(jobs)} refused' if jobs else ''}{where}")
    runtimes = {number: (config.devices, config.chunk, config.keep_programs) for number, config in configs.items()}
    stores = []
    for index, runtime in enumerate(dict.fromkeys(runtimes.values())):
        together = {number: config for number, config in configs.items() if runtimes[number] == runtime}
        batch = folder / claim.UNFINISHED / f"{first}_{index}"
        identity = claim.prepare_multirun({folders[number]: config for number, config in together.items()}, batch)
        stores.append((together, RunStore(batch, identity, next(iter(together.values())).save_every)))
    for together, store in stores:
        jobs |= _train(together, overrides, store, same_command(folder), console)
    return [jobs[number] for number in sorted(jobs)]


def _checked(composed: dict[str, Any], overrides: Overrides, *, is_one_of_all: bool) -> RunConfig:
    """The config of a job; raises ConfigError where it cannot be trained with others."""
    config = run_config.read(composed)
    refuse_job(config, overrides, is_one_of_all=is_one_of_all)
    if config.shard is not None:
        why = "jobs that are trained together are one process's; use hydra/launcher=basic or one of submitit's"
        raise ConfigError(f"runtime.shard = {config.shard!r}: {why}")
    return config


def _train(
    configs: dict[int, RunConfig], overrides: Sequence[Overrides], store: RunStore, resume: str, console: Console
) -> dict[int, Job]:
    """Train jobs of equal runtime settings, by number."""
    together = [*configs.values()]
    with pipeline.opened(store, console, resume):
        try:
            trained = pipeline.train(together, console, store)
        except ConfigError as error:
            return {number: RefusedJob(overrides[number], str(error)) for number in configs}
    by_job = zip(configs.items(), trained, strict=True)
    return {number: TrainedJob(overrides[number], config, models) for (number, config), models in by_job}
