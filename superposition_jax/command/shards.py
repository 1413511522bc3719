"""A sweep divided among independent processes: each trains a shard into a common folder, and one puts their parts together."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.command import pipeline
from superposition_jax.command.progress import Shell, count
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.storage import manifest, parts
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import owners


def train(experiment: RunConfig, directory: str | Path | None, *, progress: bool) -> None:
    """Train one shard of an experiment into parts in a folder that all shards share."""
    if directory is None:
        raise ConfigError(f"runtime.shard = {experiment.shard!r}: needs a directory, the one of all shards")
    folder, console = Path(directory), pipeline.console_for(progress)
    manifest.refuse_other_run(experiment, folder)
    about = manifest.about(experiment)
    with pipeline.kept(console, pipeline.again(experiment, folder)), RunStore(folder, about, experiment.save_every) as store:
        if manifest.begin(experiment, folder):
            console.print(f"{folder}: is finished", markup=False)
            return
        for line in store.open():
            console.print(line, markup=False)
        trainer = pipeline.trainer_for(experiment, experiment.groups)
        name = f"{experiment.name}: shard {experiment.shard}"
        console.print(f"{name}: {count(trainer.models, 'model')} of {pipeline.size(experiment)}")
        with Shell(console, trainer) as shell:
            trainer.train_shard(shell, store)
        there, models = parts.count(folder), experiment.grid.n_points
        console.print(f"parts    {folder / 'parts'} has {there:,} of {count(models, 'model')}", markup=False)
        if there >= models:
            console.print(f"all done: {_merging(folder)}", markup=False)


def _merging(folder: Path) -> str:
    return f"python -m superposition_jax.run merge={shlex.quote(str(folder))}"


def merge(folder: Path) -> xr.Dataset:
    """Put the parts of all shards together: results, tables and figures as of one process.

    Imports the modules that the run's config names in `imports`, as training did.

    Raises:
      ConfigError: naming shards of which models are missing, and parts that do not belong there.
    """
    there, divided = manifest.read(folder), parts.shards(folder)
    if there is None or not divided:
        raise ConfigError(f"merge = {str(folder)!r}: no {'parts' if there else 'run'} there")
    experiment, console = _experiment(there, {"devices": None}), pipeline.console_for(True)
    manifest.refuse_other_run(experiment, folder)
    with pipeline.kept(console, _merging(folder)):
        found = Parts(folder, manifest.about(experiment), every=True)
        if len(found) < experiment.grid.n_points:
            raise ConfigError(f"merge = {str(folder)!r}: {_missing(experiment, found, divided)}")
        console.print(f"{experiment.name}: {pipeline.size(experiment)}")
        trained, seconds = pipeline.train([experiment], console, RunStore.of(found))
        dataset = pipeline.finish(experiment, trained[0], seconds, folder, console)
        found.remove()
        return dataset


def _experiment(there: dict[str, Any], runtime: dict[str, Any]) -> RunConfig:
    """The experiment of a manifest, with some keys of `runtime` anew."""
    given = there["config"]
    return run_config.read(given | {"runtime": given["runtime"] | {"shard": None, "overwrite": False} | runtime})


_NAMED = 8
"""Shards that a message names."""


def _missing(experiment: RunConfig, found: Parts, divided: int) -> str:
    """In words, what is not there, by shard."""
    expected = np.bincount(np.concatenate(owners(experiment.groups, divided)), minlength=divided)
    held = {index: found.held(f"{index}/{divided}") for index in np.flatnonzero(expected)}
    short = [index for index, models in held.items() if models < expected[index]]
    words = [f"shard {index}/{divided} has {held[index]:,} of its {expected[index]:,}" for index in short[:_NAMED]]
    words += [f"and {len(short) - _NAMED} more"] if len(short) > _NAMED else []
    damaged = f"; damaged: {', '.join(map(str, found.damaged[:_NAMED]))}" if found.damaged else ""
    models = experiment.grid.n_points
    return f"{models - len(found):,} of {models:,} models are missing: {', '.join(words)}{damaged}"


def resume(folder: Path, runtime: dict[str, Any]) -> None:
    """Go on with the run in a folder, with some keys of `runtime` set anew. Imports like `merge`.

    Raises:
      ConfigError: if there is no run, or it was begun by other versions.
    """
    there = manifest.read(folder)
    if there is None or "jobs" in there:
        why = "is a multirun: give the same command again, with its hydra.sweep.dir" if there else "no manifest.json there"
        raise ConfigError(f"resume = {str(folder)!r}: {why}")
    begun, shard = there["config"]["runtime"].get("shard"), runtime.get("shard")
    if (begun is None) != (shard is None):
        raise ConfigError(f"runtime.shard = {shard!r}: must be {'null' if begun is None else 'i/N'}, as the run was begun")
    experiment = _experiment(there, runtime)
    if experiment.shard is None:
        pipeline.run(experiment, directory=folder, progress=True)
    else:
        train(experiment, folder, progress=True)
