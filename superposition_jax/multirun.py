"""The jobs of a Hydra multirun as one sweep: trained together, saved one by one, and put together again at the root."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax import axes, config, figures, index, manifest, pipeline, results
from superposition_jax.errors import ConfigError
from superposition_jax.progress import count
from superposition_jax.sweep import Axis, Grid, Group


@dataclass
class Job:
    """One job: what varies in it, and its models or why there are none."""

    overrides: dict[str, Any]
    """Value of every override, by key."""
    experiment: config.Experiment | None = None
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
        own = self.experiment if self.experiment.grid.axes else self.experiment._replace(figures=[])
        dataset = pipeline.finish(own, self.trained, self.seconds, folder, pipeline.console_for(False))
        if (dataset["status"] != results.STATUS.index("ok")).all():
            self.error = FloatingPointError(f"{self.name}: diverged at step {int(dataset['diverged_at'].max())}")
            raise self.error
        return float(dataset["loss"].mean())


def train(configs: Sequence[dict[str, Any]], overrides: Sequence[dict[str, Any]]) -> list[Job]:
    """Train jobs together; those of equal runtime settings share programs. A job with a bad config has the error instead."""
    jobs = [Job(own) for own in overrides]
    for job, given in zip(jobs, configs, strict=True):
        try:
            experiment = config.read(given)
            if experiment.shard is not None:
                why = "jobs that are trained together are one process's; use hydra/launcher=basic or one of submitit's"
                raise ConfigError(f"runtime.shard = {experiment.shard!r}: {why}")
            if experiment.distributed:
                raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
            job.experiment = experiment
        except ConfigError as error:
            job.error = error
    good = [job for job in jobs if job.experiment is not None]
    console = pipeline.console_for(True)
    console.print(f"{count(len(good), 'job')}{f', {len(jobs) - len(good)} refused' if len(good) < len(jobs) else ''}")
    for settings in dict.fromkeys(_runtime(job) for job in good):
        together = [job for job in good if _runtime(job) == settings]
        trained, seconds = pipeline.train([job.experiment for job in together if job.experiment], console)
        for job, own in zip(together, trained, strict=True):
            job.trained, job.seconds = own, seconds
    return jobs


def _runtime(job: Job) -> tuple[Any, ...]:
    assert job.experiment
    return job.experiment.devices, job.experiment.chunk, job.experiment.keep


def gather(jobs: Sequence[Job], folder: Path) -> None:
    """One Dataset of all jobs with its figures in the multirun's folder, where they have the same axes of their own; an index."""
    dataset = together(jobs)
    failed = [job for job in jobs if job.error is not None]
    if dataset is not None:
        first = next(job.experiment for job in jobs if job.experiment)
        told = {
            "status": "finished",
            "jobs": len(jobs),
            "failed": {job.name: str(job.error) for job in failed},
            "config": first.config,
            "dims": dict(dataset["status"].sizes),
        }
        results.save(dataset, folder)
        manifest.write(told, folder)
        if not first.grid.axes:
            figures.save(dataset, first.figures, folder / "figures")
    page = index.write(folder)
    for job in failed:
        sys.stderr.write(f"superposition_jax: job {job.name}: {job.error}\n")
    sys.stdout.write(f"results  {folder / 'results.nc'}\n" if dataset is not None else "")
    sys.stdout.write(f"index    {page}\n")


def together(jobs: Sequence[Job]) -> xr.Dataset | None:
    """All jobs' models on the overrides that vary and the jobs' own axes; None where these differ, or nothing was trained."""
    done = [(number, job) for number, job in enumerate(jobs) if job.trained is not None and job.experiment is not None]
    own = {job.experiment.grid.axes for _, job in done if job.experiment}
    if len(own) != 1:
        return None
    outer, place = _outer([job.overrides for job in jobs])
    inner = Grid(next(iter(own)))
    parts = []
    for number, job in done:
        assert job.trained
        for group, part in zip(job.trained.trainer.groups, job.trained.results, strict=True):
            moved = Group(group.spec, group.hparams, group.seeds, group.points + place[number] * inner.n_points)
            parts.append(results.Part.of(moved, part))
    dataset = results.assemble(Grid((*outer, *inner.axes)), parts)
    experiment = done[0][1].experiment
    assert experiment
    return dataset.assign_attrs(manifest.attributes(experiment))


def _outer(overrides: Sequence[dict[str, Any]]) -> tuple[list[Axis], list[int]]:
    """Axes over the overrides that vary, and every job's place on them: their product if the jobs are that, else one axis."""
    keys = list(dict.fromkeys(key for own in overrides for key in own))
    columns = {key: [_scalar(own.get(key)) for own in overrides] for key in keys}
    columns = {key: column for key, column in columns.items() if len(set(column)) > 1}
    names = _names(list(columns))
    values = {key: tuple(dict.fromkeys(column)) for key, column in columns.items()}
    rows = list(zip(*columns.values(), strict=True)) if columns else [()] * len(overrides)
    product = int(np.prod([len(v) for v in values.values()]))
    if len(set(rows)) == len(rows) == product:
        grid = [Axis(names[key], key, values[key], names[key]) for key in columns]
        shape = [len(values[key]) for key in columns]
        codes = [tuple(values[key].index(value) for key, value in zip(columns, row, strict=True)) for row in rows]
        return grid, [int(np.ravel_multi_index(code, shape)) if shape else 0 for code in codes]
    jobs = Axis("job", "hydra.job.num", tuple(range(len(overrides))), "job")
    return [jobs, *(Axis(names[key], key, tuple(column), "job") for key, column in columns.items())], list(range(len(overrides)))


def _scalar(value: Any) -> Any:
    """A value that labels: numbers and words as they are, all else as text."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else str(value)


def _names(keys: Sequence[str]) -> dict[str, str]:
    """Names of axes over overrides: the last word of the key where that is a name of its own, else the whole key."""
    reserved, found = {"job", *axes.reserved()}, {}
    for key in keys:
        short = key.rpartition(".")[2]
        taken = short in reserved or not short.isidentifier() or [k.rpartition(".")[2] for k in keys].count(short) > 1
        found[key] = key.replace(".", "_").replace("/", "_") if taken else short
    return found
