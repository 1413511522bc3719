"""The jobs of a multirun put together: one Dataset on the overrides that vary, its figures, and an index page."""

import itertools
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from superposition_jax import files
from superposition_jax.command import finish, index_page
from superposition_jax.command.launcher import Overrides, name_of
from superposition_jax.command.multirun import Job, TrainedJob
from superposition_jax.command.terminal import console_for
from superposition_jax.config import recipe
from superposition_jax.config.axes import reserved
from superposition_jax.results import assemble, netcdf
from superposition_jax.storage import claim, identity, manifest, outputs, part_file, parts
from superposition_jax.storage.holders import remove_abandoned_state
from superposition_jax.sweep import Axis, Grid, Group


def save(jobs: Sequence[Job], folders: Sequence[Path], folder: Path) -> xr.Dataset | None:
    """Write the Dataset of all jobs, if they have one, and an index into the multirun's folder; say which jobs failed.

    `folders`: those of the jobs.
    """
    trained, dataset = [job for job in jobs if isinstance(job, TrainedJob)], dataset_of(jobs)
    failed = {name_of(job.overrides): job.error for job in jobs if job.error}
    if dataset is not None:
        config, quiet = trained[0].config, console_for(False)
        file, *_ = netcdf.save(dataset, folder)
        finish.draw([] if config.grid.axes else config.figures, dataset, folder, quiet)
        finish.write_page(dataset, folder, quiet)
    elif trained:
        sys.stdout.write("no common Dataset: the jobs' own sweeps differ; each job's folder has its own\n")
    page = index_page.write(folder, folders)
    if dataset is not None:
        described: dict[str, Any] = {"status": "finished", "jobs": len(jobs), "failed": failed, "config": config.composed}
        described |= {"folders": [os.path.relpath(path, folder) for path in folders], "dims": dict(dataset["status"].sizes)}
        described |= {"sha256": part_file.sha256(file), "versions": identity.versions()}
        manifest.write(described, folder)
    remove_batches(folder, folders)
    for name, error in failed.items():
        sys.stderr.write(f"superposition_jax: job {name}: {error}\n")
    sys.stdout.write((f"results  {folder / 'results.nc'}\n" if dataset is not None else "") + f"index    {page}\n")
    return dataset


def remove_batches(folder: Path, folders: Sequence[Path]) -> None:
    """Delete what a multirun has kept until all of its jobs have their results."""
    for path in (folder, *folders):
        outputs.remove_temporaries(path)
    for batch in claim.batches(folder):
        parts.remove(batch)
        remove_abandoned_state(batch)
        files.remove(batch, r"jobs\.json")
    claim.remove_empty_batches(folder)


def track(jobs: Sequence[Job], dataset: xr.Dataset | None, folder: Path) -> None:
    """Log all jobs as one run, if they ask for a tracker and have a common Dataset."""
    tracker = next((job.config.tracker for job in jobs if isinstance(job, TrainedJob)), None)
    if tracker and dataset is not None:
        finish.track(tracker, dataset, folder, console_for(True))


def dataset_of(jobs: Sequence[Job]) -> xr.Dataset | None:
    """All jobs' models on the overrides that vary and the jobs' own axes; None where these differ, or nothing was trained."""
    trained = [(number, job) for number, job in enumerate(jobs) if isinstance(job, TrainedJob)]
    if len({job.config.grid.axes for _, job in trained}) != 1:
        return None
    config = trained[0][1].config
    taken = {name for axis in config.grid.axes for name in (axis.name, axis.dim)}
    outer, places = axes([job.overrides for job in jobs], taken)
    scales = {job.config.grid.scales for _, job in trained}
    grid = Grid((*outer, *config.grid.axes), scales.pop() if len(scales) == 1 else ())
    groups, parts = [], []
    for number, job in trained:
        first = places[number] * config.grid.n_points
        for group, results in zip(job.trained.trainer.groups, job.trained.results, strict=True):
            groups.append(Group(group.spec, group.hparams, group.seeds, group.points + first))
            parts.append(assemble.Part.of(groups[-1], results))
    attributes = manifest.dataset_attributes(config.composed, recipe.used(grid, groups))
    return assemble.assemble(grid, parts).assign_attrs(attributes)


def axes(overrides: Sequence[Overrides], taken: set[str]) -> tuple[list[Axis], list[int]]:
    """Axes over the overrides that vary, and every job's place on them: their product if the jobs are that, else one axis.

    Names in `taken` are those of the jobs' own axes.
    """
    keys = list(dict.fromkeys(key for job in overrides for key in job))
    columns = {key: [_label(job.get(key)) for job in overrides] for key in keys}
    columns = {key: column for key, column in columns.items() if len(set(column)) > 1}
    names = _names(list(columns), taken)
    values = {key: tuple(dict.fromkeys(column)) for key, column in columns.items()}
    rows = list(zip(*columns.values(), strict=True)) if columns else [()] * len(overrides)
    if len(set(rows)) == len(rows) == math.prod(map(len, values.values())):
        places = {row: place for place, row in enumerate(itertools.product(*values.values()))}
        return [Axis(names[key], key, values[key], names[key]) for key in columns], [places[row] for row in rows]
    number = Axis("job", "hydra.job.num", tuple(range(len(overrides))), "job")
    labels = [Axis(names[key], key, tuple(column), "job") for key, column in columns.items()]
    return [number, *labels], list(range(len(overrides)))


def _label(value: Any) -> Any:
    """A value as a coordinate: numbers and words as they are, all else as text."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else str(value)


def _names(keys: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Names of axes over overrides: the last word of the key where no other name is equal, else the whole key."""
    words, unusable = {key: key.rpartition(".")[2] for key in keys}, {"job", *taken, *reserved()}
    unique = [word for word in words.values() if word.isidentifier() and [*words.values()].count(word) == 1]
    return {
        key: word if word in unique and word not in unusable else key.replace(".", "_").replace("/", "_")
        for key, word in words.items()
    }
