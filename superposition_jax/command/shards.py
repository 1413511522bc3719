"""A sweep divided among independent processes: each trains a shard into a common folder, and one merges their parts."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.command import pipeline
from superposition_jax.command.finish import finish
from superposition_jax.command.progress import Shell
from superposition_jax.command.terminal import console_for, count
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.storage import identity, manifest, parts
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import owners

_NAMED = 8
"""Shards that a message names."""


def train(config: RunConfig, directory: str | Path | None, *, progress: bool) -> None:
    """Train one shard of a sweep into parts in a folder that all shards share."""
    if directory is None:
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs a directory, the one of all shards")
    folder, console = Path(directory), console_for(progress)
    manifest.refuse_other_run(config, folder)
    store = RunStore(folder, identity.of_config(config), config.save_every)
    with pipeline.saying_how_to_go_on(console, pipeline.resume_command(config, folder)), store:
        if manifest.prepare_folder(config, folder):
            console.print(f"{folder}: is finished", markup=False)
            return
        for line in store.find_earlier():
            console.print(line, markup=False)
        trainer = pipeline.trainer_for(config, config.groups)
        name = f"{config.name}: shard {config.shard}"
        console.print(f"{name}: {count(trainer.models, 'model')} of {pipeline.size(config)}")
        with Shell(console, trainer) as shell:
            trainer.train_shard(shell, store)
        finished, models = parts.count(folder), config.grid.n_points
        console.print(f"parts    {folder / 'parts'} has {finished:,} of {count(models, 'model')}", markup=False)
        if finished >= models:
            console.print(f"all done: {_merge_command(folder)}", markup=False)


def _merge_command(folder: Path) -> str:
    return f"python -m superposition_jax.run merge={shlex.quote(str(folder))}"


def merge(folder: Path) -> xr.Dataset:
    """Merge the parts of all shards: results, tables and figures as of one process.

    Imports the modules that the run's config names in `imports`, as training did.

    Raises:
      ConfigError: naming shards of which models are missing, and parts that do not belong there.
    """
    earlier, shards = manifest.read(folder), parts.shards(folder)
    if earlier is None or not shards:
        raise ConfigError(f"merge = {str(folder)!r}: no {'parts' if earlier else 'run'} there")
    config, console = _config_of(earlier, {"devices": None}), console_for(True)
    manifest.refuse_other_run(config, folder)
    with pipeline.saying_how_to_go_on(console, _merge_command(folder)):
        finished = Parts(folder, identity.of_config(config), all_shards=True)
        if len(finished) < config.grid.n_points:
            raise ConfigError(f"merge = {str(folder)!r}: {_missing(config, finished, shards)}")
        console.print(f"{config.name}: {pipeline.size(config)}")
        trained, seconds = pipeline.train([config], console, RunStore.of(finished))
        dataset = finish(config, trained[0], seconds, folder, console)
        finished.remove()
        return dataset


def _config_of(earlier: dict[str, Any], runtime: dict[str, Any]) -> RunConfig:
    """The config of a manifest, with some keys of `runtime` set anew."""
    composed = earlier["config"]
    return run_config.read(composed | {"runtime": composed["runtime"] | {"shard": None, "overwrite": False} | runtime})


def _missing(config: RunConfig, finished: Parts, shards: int) -> str:
    """Which models are missing, by shard, in words."""
    expected = np.bincount(np.concatenate(owners(config.groups, shards)), minlength=shards)
    counts = {index: finished.count_of(f"{index}/{shards}") for index in np.flatnonzero(expected)}
    short = [index for index, models in counts.items() if models < expected[index]]
    words = [f"shard {index}/{shards} has {counts[index]:,} of its {expected[index]:,}" for index in short[:_NAMED]]
    words += [f"and {len(short) - _NAMED} more"] if len(short) > _NAMED else []
    damaged = f"; damaged: {', '.join(map(str, finished.damaged[:_NAMED]))}" if finished.damaged else ""
    models = config.grid.n_points
    return f"{models - len(finished):,} of {models:,} models are missing: {', '.join(words)}{damaged}"


def resume(folder: Path, runtime: dict[str, Any]) -> None:
    """Go on with the run in a folder, with some keys of `runtime` set anew. Imports like `merge`.

    Raises:
      ConfigError: if there is no run, or it was begun by other versions.
    """
    earlier = manifest.read(folder)
    if earlier is None or "jobs" in earlier:
        why = "is a multirun: give the same command again, with its hydra.sweep.dir" if earlier else "no manifest.json there"
        raise ConfigError(f"resume = {str(folder)!r}: {why}")
    begun, shard = earlier["config"]["runtime"].get("shard"), runtime.get("shard")
    if (begun is None) != (shard is None):
        raise ConfigError(f"runtime.shard = {shard!r}: must be {'null' if begun is None else 'i/N'}, as the run was begun")
    config = _config_of(earlier, runtime)
    if config.shard is None:
        pipeline.run(config, directory=folder, progress=True)
    else:
        train(config, folder, progress=True)
