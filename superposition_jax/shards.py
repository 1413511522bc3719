"""A sweep divided among independent processes: each trains a shard into a common folder, and one puts their parts together."""

import json
from pathlib import Path

import xarray as xr

from superposition_jax import config, parts, pipeline
from superposition_jax.config import Experiment
from superposition_jax.errors import ConfigError
from superposition_jax.parts import Parts
from superposition_jax.progress import Shell, count


def train(experiment: Experiment, directory: str | Path | None, *, progress: bool) -> None:
    """Train one shard of an experiment into parts in a folder that all shards share."""
    if directory is None:
        raise ConfigError(f"runtime.shard = {experiment.shard!r}: needs a directory, the one of all shards")
    folder, console = Path(directory), pipeline.console_for(progress)
    trainer = pipeline.trainer_for(experiment, experiment.groups)
    about = pipeline.about(experiment, trainer.models)
    store = Parts(folder, about)
    console.print(f"{experiment.name}: shard {experiment.shard}: {count(trainer.models, 'model')} of {pipeline.size(experiment)}")
    with Shell(console, trainer) as shell:
        trainer.train_share(shell, store)
    missing = Parts(folder, about).missing(experiment.grid.n_points)
    console.print(f"parts    {store.folder}")
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
    experiment, store, console = config.read(given), Parts(folder, run), pipeline.console_for(True)
    damaged = f"; damaged: {', '.join(map(str, store.damaged))}" if store.damaged else ""
    if missing := store.missing(experiment.grid.n_points):
        raise ConfigError(f"merge = {str(folder)!r}: {missing}{damaged}")
    console.print(f"{experiment.name}: {pipeline.size(experiment)}")
    trained, seconds = pipeline.train([experiment], console, store)
    return pipeline.finish(experiment, trained[0], seconds, folder, console)
