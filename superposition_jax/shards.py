"""A sweep divided among independent processes: each trains a shard into a common folder, and one puts their parts together."""

import json
from pathlib import Path

import xarray as xr

from superposition_jax import config, manifest, parts, pipeline
from superposition_jax.config import Experiment
from superposition_jax.errors import ConfigError
from superposition_jax.parts import Parts
from superposition_jax.progress import Shell, count
from superposition_jax.store import Store


def train(experiment: Experiment, directory: str | Path | None, *, progress: bool) -> None:
    """Train one shard of an experiment into parts in a folder that all shards share."""
    if directory is None:
        raise ConfigError(f"runtime.shard = {experiment.shard!r}: needs a directory, the one of all shards")
    folder, console = Path(directory), pipeline.console_for(progress)
    with pipeline.kept(experiment, folder, console):
        if manifest.begin(experiment, folder):
            console.print(f"{folder}: is finished", markup=False)
            return
        trainer = pipeline.trainer_for(experiment, experiment.groups)
        about = manifest.about(experiment, trainer.models)
        name = f"{experiment.name}: shard {experiment.shard}"
        console.print(f"{name}: {count(trainer.models, 'model')} of {pipeline.size(experiment)}")
        with Store(folder, about, experiment.save_every) as store, Shell(console, trainer) as shell:
            trainer.train_share(shell, store)
        missing = Parts(folder, about).missing(experiment.grid.n_points)
        console.print(f"parts    {folder / 'parts'}")
        console.print(missing or f"all models are there: python -m superposition_jax.run merge={folder}", markup=False)


def merge(folder: Path) -> xr.Dataset:
    """Put the parts of all shards together: results, tables and figures as of one process.

    Raises:
      ConfigError: naming shards of which models are missing.
    """
    try:
        run = parts.run_of(folder)
    except FileNotFoundError as error:
        raise ConfigError(f"merge = {str(folder)!r}: no parts there") from error
    given = json.loads(run.attributes["config"])
    given["runtime"] |= {"shard": None, "devices": None}
    experiment, found, console = config.read(given), Parts(folder, run), pipeline.console_for(True)
    damaged = f"; damaged: {', '.join(map(str, found.damaged))}" if found.damaged else ""
    if missing := found.missing(experiment.grid.n_points):
        raise ConfigError(f"merge = {str(folder)!r}: {missing}{damaged}")
    console.print(f"{experiment.name}: {pipeline.size(experiment)}")
    trained, seconds = pipeline.train([experiment], console, Store(folder, run, experiment.save_every, found))
    return pipeline.finish(experiment, trained[0], seconds, folder, console)


def resume(folder: Path, runtime: dict[str, object]) -> None:
    """Go on with the run in a folder, with some keys of `runtime` set anew.

    Raises:
      ConfigError: if there is no run, or it was begun by other versions.
    """
    there = manifest.read(folder)
    if there is None or "jobs" in there:
        why = "is a multirun: give the same command again, with its hydra.sweep.dir" if there else "no manifest.json there"
        raise ConfigError(f"resume = {str(folder)!r}: {why}")
    given = there["config"]
    given["runtime"] |= {"shard": None} | runtime
    experiment = config.read(given)
    if experiment.shard is None:
        pipeline.run(experiment, directory=folder, progress=True)
    else:
        train(experiment, folder, progress=True)
