"""The jobs of a Hydra multirun as one sweep: trained together, saved one by one, and put together again at the root."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console

from superposition_jax.command import index_page, multirun_axes, pipeline
from superposition_jax.command.progress import count
from superposition_jax.config import run_config
from superposition_jax.errors import ConfigError
from superposition_jax.results import assemble, netcdf, status
from superposition_jax.storage import manifest
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.sweep import Grid, Group

UNFINISHED = "unfinished"
"""Folder of what is trained and not yet saved as jobs' results."""


@dataclass
class Job:
    """One job: what varies in it, and its models or why there are none."""

    overrides: dict[str, Any]
    """Value of every override, by key."""
    experiment: run_config.RunConfig | None = None
    trained: pipeline.Trained | None = None
    seconds: dict[str, float] | None = None
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The overrides, as on the command line."""
        return " ".join(f"{key}={value}" for key, value in self.overrides.items())

    def finish(self, folder: Path) -> float:
        """Save the job's own results; returns its mean final loss for Hydra's sweepers. The root has a single model's figures."""
        if self.error is not None:
            raise self.error
        assert self.experiment
        assert self.trained
        assert self.seconds
        own = self.experiment._replace(tracker=None)  # the root is logged, and has a page
        own = own if own.grid.axes else own._replace(figures=[])
        dataset = pipeline.finish(own, self.trained, self.seconds, folder, pipeline.console_for(False), page=False)
        if (dataset["status"] != status.STATUS.index("ok")).all():
            self.error = FloatingPointError(f"diverged at step {int(dataset['diverged_at'].max())}")
            raise self.error
        return float(dataset["loss"].mean())


def train(configs: Sequence[dict[str, Any]], overrides: Sequence[dict[str, Any]], folder: Path, first: int) -> list[Job]:
    """Train jobs together, numbered from `first`; those of equal runtime settings share programs.

    A job with a bad config has the error instead. What is finished stands in the multirun's folder until all jobs have theirs, so
    that the same command goes on there.
    """
    jobs = [Job(own) for own in overrides]
    for job, given, own in zip(jobs, configs, overrides, strict=True):
        try:
            experiment = run_config.read(given)
            if experiment.shard is not None:
                why = "jobs that are trained together are one process's; use hydra/launcher=basic or one of submitit's"
                raise ConfigError(f"runtime.shard = {experiment.shard!r}: {why}")
            if experiment.distributed:
                raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
            for axis in experiment.grid.axes:
                if axis.path in own and len({str(others.get(axis.path)) for others in overrides}) > 1:
                    raise ConfigError(
                        f"{axis.path} = {own[axis.path]!r}: sweep.axes.{axis.name} sets it in every job; leave one out"
                    )
            job.experiment = experiment
        except ConfigError as error:
            job.error = error
    good = [job for job in jobs if job.experiment is not None]
    console = pipeline.console_for(True)
    console.print(f"{count(len(good), 'job')}{f', {len(jobs) - len(good)} refused' if len(good) < len(jobs) else ''}")
    for number, settings in enumerate(dict.fromkeys(_runtime(job) for job in good)):
        together = [job for job in good if _runtime(job) == settings]
        _train(together, folder / UNFINISHED / f"{first}_{number}", console)
    return jobs


def _train(jobs: Sequence[Job], folder: Path, console: Console) -> None:
    """Train jobs of equal runtime settings."""
    experiments = [job.experiment for job in jobs if job.experiment]
    again = f"the same command with hydra.sweep.dir={shlex.quote(str(folder.parents[1]))}"
    about = manifest.begin_all(experiments, folder)
    with pipeline.kept(console, again), RunStore(folder, about, experiments[0].save_every) as store:
        for line in store.open():
            console.print(line, markup=False)
        try:
            trained, seconds = pipeline.train(experiments, console, store)
        except ConfigError as error:
            for job in jobs:
                job.error, job.experiment = error, None
            return
    for job, own in zip(jobs, trained, strict=True):
        job.trained, job.seconds = own, seconds


def _runtime(job: Job) -> tuple[Any, ...]:
    assert job.experiment
    return job.experiment.devices, job.experiment.chunk, job.experiment.keep_programs


def gather(jobs: Sequence[Job], folder: Path) -> xr.Dataset | None:
    """One Dataset of all jobs with its figures in the multirun's folder, where they have the same axes of their own; an index."""
    dataset = together(jobs)
    failed = [job for job in jobs if job.error is not None]
    if dataset is not None:
        first = next(job.experiment for job in jobs if job.experiment)
        told = {
            "status": "finished",
            "jobs": len(jobs),
            "failed": {job.name: str(job.error) for job in failed},
            "config": first.composed,
            "versions": manifest.versions(),
            "dims": dict(dataset["status"].sizes),
        }
        netcdf.save(dataset, folder)
        manifest.write(told, folder)
        quiet = pipeline.console_for(False)
        pipeline.draw([] if first.grid.axes else first.figures, dataset, folder, quiet)
        pipeline.explore(dataset, folder, quiet)
    elif any(job.trained for job in jobs):
        sys.stdout.write("no common Dataset: the jobs' own sweeps differ; each job's folder has its own\n")
    page = index_page.write(folder)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    for job in failed:
        assert job.error
        job.error.add_note("named")
        sys.stderr.write(f"superposition_jax: job {job.name}: {job.error}\n")
    sys.stdout.write(f"results  {folder / 'results.nc'}\n" if dataset is not None else "")
    sys.stdout.write(f"index    {page}\n")
    return dataset


def track(jobs: Sequence[Job], dataset: xr.Dataset | None, folder: Path) -> None:
    """Log all jobs as one run, if they ask for a tracker and have a common Dataset."""
    tracker = next((job.experiment.tracker for job in jobs if job.experiment), None)
    if tracker and dataset is not None:
        pipeline.track(tracker, dataset, folder, pipeline.console_for(True))


def together(jobs: Sequence[Job]) -> xr.Dataset | None:
    """All jobs' models on the overrides that vary and the jobs' own axes; None where these differ, or nothing was trained."""
    done = [(number, job) for number, job in enumerate(jobs) if job.trained is not None and job.experiment is not None]
    own = {job.experiment.grid.axes for _, job in done if job.experiment}
    if len(own) != 1:
        return None
    inner = Grid(next(iter(own)))
    own_names = {name for axis in inner.axes for name in (axis.name, axis.dim)}
    outer, place = multirun_axes.axes([job.overrides for job in jobs], own_names)
    parts = []
    for number, job in done:
        assert job.trained
        for group, part in zip(job.trained.trainer.groups, job.trained.results, strict=True):
            moved = Group(group.spec, group.hparams, group.seeds, group.points + place[number] * inner.n_points)
            parts.append(assemble.Part.of(moved, part))
    dataset = assemble.assemble(Grid((*outer, *inner.axes)), parts)
    experiment = done[0][1].experiment
    assert experiment
    return dataset.assign_attrs(manifest.attributes(experiment))
