"""A sweep divided among independent processes: each trains a shard into a common folder, and one merges their parts."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.command import pipeline
from superposition_jax.command.progress import Shell
from superposition_jax.command.terminal import command_line, console_for, count
from superposition_jax.config import run_config
from superposition_jax.config.rules import first_few
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import devices
from superposition_jax.errors import ConfigError
from superposition_jax.results import netcdf
from superposition_jax.storage import manifest, parts
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import owners


def run(config: RunConfig, directory: str | Path | None, *, progress: bool) -> xr.Dataset | None:
    """Train a sweep; of one with `runtime.shard` only this shard, into parts in a folder that all share, and return None."""
    if config.shard is None:
        return pipeline.run(config, directory=directory, progress=progress)
    if directory is None:
        raise ConfigError(f"runtime.shard = {config.shard!r}: needs a directory, the one of all shards")
    folder, console = Path(directory), console_for(progress)
    with pipeline.open_run(config, folder, console) as store:
        if store is None:
            return None
        trainer = pipeline.trainer_for(config, config.groups)
        name = f"{config.name}: shard {config.shard}"
        console.print(
            f"{name}: {count(trainer.models, 'model')} of {pipeline.size(config)}, on {devices.in_words(config.devices)}"
        )
        shell = Shell(console, trainer)
        with shell.bar:
            trainer.train_shard(shell, store)
        finished, models = parts.by_shard(parts.files_of(folder)).total(), config.grid.n_points
        console.print(f"parts    {folder / 'parts'} has {finished:,} of {count(models, 'model')}")
        if finished >= models:
            console.print(f"all done: {command_line('merge', folder)}")
    return None


def merge(folder: Path) -> xr.Dataset:
    """Merge the parts of all shards: results, tables and figures as of one process. Imports what the run's config names.

    Raises ConfigError if models are missing, with their shards, or if a part belongs to another run.
    """
    earlier, files = manifest.read(folder), parts.files_of(folder)
    if earlier is None or (not files and earlier["status"] != "finished"):
        raise ConfigError(f"merge = {str(folder)!r}: no {'parts' if earlier else 'run'} there")
    config, console = _config_of(earlier, {"devices": None}), console_for(True)
    with pipeline.open_run(config, folder, console, merging=True) as store:
        if store is None:
            return netcdf.load(folder)
        if len(store.parts) < config.grid.n_points:
            raise ConfigError(f"merge = {str(folder)!r}: {_missing(config, store.parts, parts.number_of_shards(files[0]))}")
        dataset = pipeline.train_and_finish(config, folder, console, store)
        store.remove()
        return dataset


def _config_of(earlier: dict[str, Any], runtime: dict[str, Any]) -> RunConfig:
    """The config of a manifest, with some keys of `runtime` set anew."""
    composed = earlier["config"]
    return run_config.read(composed | {"runtime": composed["runtime"] | {"shard": None, "overwrite": False} | runtime})


def _missing(config: RunConfig, finished: Parts, shards: int) -> str:
    """Which models are missing, by shard, in words."""
    expected = np.bincount(np.concatenate(owners(config.groups, shards)), minlength=shards)
    counts = parts.by_shard(finished.files)
    finished_of = [(f"{index}/{shards}", counts[f"{index}/{shards}"], models) for index, models in enumerate(expected)]
    short = [f"shard {shard} has {models:,} of its {all_:,}" for shard, models, all_ in finished_of if models < all_]
    damaged = f"; damaged: {first_few(map(str, finished.damaged))}" if finished.damaged else ""
    models = config.grid.n_points
    return f"{models - len(finished):,} of {models:,} models are missing: {first_few(short)}{damaged}"


def resume(folder: Path, runtime: dict[str, Any]) -> None:
    """Go on with the run in a folder, with some keys of `runtime` set anew. Imports and raises like `merge`."""
    earlier = manifest.read(folder)
    if earlier is None or "jobs" in earlier:
        why = "is a multirun: give the same command again, with its hydra.sweep.dir" if earlier else "no manifest.json there"
        raise ConfigError(f"resume = {str(folder)!r}: {why}")
    begun, shard = earlier["config"]["runtime"].get("shard"), runtime.get("shard")
    if (begun is None) != (shard is None):
        raise ConfigError(f"runtime.shard = {shard!r}: must be {'null' if begun is None else 'i/N'}, as the run was begun")
    run(_config_of(earlier, runtime), folder, progress=True)
