"""One sweep from checked config to pictures: train, label, save, draw."""

import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import xarray as xr
from rich.console import Console

from superposition_jax import sweep
from superposition_jax.command.finish import Trained, finish
from superposition_jax.command.progress import Shell
from superposition_jax.command.terminal import console_for, count
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import devices
from superposition_jax.engine.stopping import Stopped
from superposition_jax.engine.trainer import Trainer
from superposition_jax.errors import StorageError
from superposition_jax.experiments import tables
from superposition_jax.results import netcdf, select
from superposition_jax.storage import identity, manifest
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.sweep import Group


def run(config: RunConfig, *, directory: str | Path | None = None, progress: bool = False) -> xr.Dataset:
    """Train a sweep; write results and figures into `directory` if one is given, messages to the shell if `progress`.

    A run that was stopped or died there goes on; one that is finished there is not trained again.
    """
    console = console_for(progress and devices.is_first_process())
    if directory is None or not devices.is_first_process():
        console.print(f"{config.name}: {size(config)}")
        trained, seconds = train([config], console)
        return finish(config, trained[0], seconds, None, console)
    folder = Path(directory)
    manifest.refuse_other_run(config, folder)
    store = RunStore(folder, identity.of_config(config), config.save_every)
    with saying_how_to_go_on(console, resume_command(config, folder)), store:
        if manifest.prepare_folder(config, folder):
            console.print(f"{folder}: is finished; runtime.overwrite=true trains it again", markup=False)
            return netcdf.load(folder)
        for line in store.find_earlier():
            console.print(line, markup=False)
        console.print(f"{config.name}: {size(config)}")
        trained, seconds = train([config], console, None if config.distributed else store)
        dataset = finish(config, trained[0], seconds, folder, console)
        store.remove()
        return dataset


@contextmanager
def saying_how_to_go_on(console: Console, command: str) -> Generator[None]:
    """Name the command that goes on, if the run is stopped or its folder fails in here."""
    try:
        yield
    except Stopped:
        console.print(f"stopped  go on with: {command}", markup=False)
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StorageError(f"{where}{error.strerror or error}; what is finished is kept, go on with: {command}") from error


def resume_command(config: RunConfig, folder: Path) -> str:
    """The command that goes on with a run."""
    shard = f" runtime.shard={config.shard}" if config.shard else ""
    return f"python -m superposition_jax.run resume={shlex.quote(str(folder))}{shard}"


def train(
    configs: Sequence[RunConfig], console: Console, store: RunStore | None = None
) -> tuple[list[Trained], dict[str, float]]:
    """Train sweeps of equal runtime settings together; the models of each, and the seconds that all took."""
    began, groups = time.perf_counter(), [config.groups for config in configs]
    joined = sweep.join(groups)
    trainer = trainer_for(configs[0], joined)
    with Shell(console, trainer) as shell:
        results = trainer.train(shell, store)
    seconds = {**shell.totals(), "all": time.perf_counter() - began}
    if len(configs) == 1:
        return [Trained(trainer, results)], seconds
    split = zip(configs, sweep.split(groups, joined, results), strict=True)
    return [Trained(trainer_for(config, groups), results) for config, (groups, results) in split], seconds


def trainer_for(config: RunConfig, groups: list[Group]) -> Trainer:
    """A trainer of groups with a config's runtime settings."""
    index, _, number = (config.shard or "0/1").partition("/")
    shard = int(index), int(number)
    return Trainer(groups, devices=config.devices, chunk=config.chunk, keep=config.keep_programs, shard=shard)


def measure(dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """A run's Dataset with more tables; its config says what its models are, and no module that it names is imported."""
    composed = select.config(dataset) | {"imports": [], "tables": [*names], "figures": []}
    config = run_config.read(composed)
    return tables.add(netcdf.updated(dataset), names, trainer_for(config, config.groups))


def size(config: RunConfig) -> str:
    """The size of a sweep, in a few words."""
    axes = " × ".join(f"{size} {dim}" for dim, size in config.grid.sizes.items())
    models = count(config.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(config.groups), 'compiled program')}"
