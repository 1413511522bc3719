"""One sweep from checked config to pictures: train, label, save, draw."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import xarray as xr
from rich.console import Console

from superposition_jax import sweep
from superposition_jax.command.finish import Trained, finish
from superposition_jax.command.progress import Shell
from superposition_jax.command.terminal import command_line, console_for, count
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import devices, stopping
from superposition_jax.engine.trainer import Trainer
from superposition_jax.errors import ConfigError, StorageError, TableFailed
from superposition_jax.experiments import tables
from superposition_jax.results import assemble, netcdf, select
from superposition_jax.storage import claim, identity
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.sweep import Group


def run(config: RunConfig, *, directory: str | Path | None = None, progress: bool = False) -> xr.Dataset:
    """Train a sweep; write results and figures into `directory` if one is given, messages to the shell if `progress`.

    A run that was stopped or died there goes on; one that is finished there is not trained again.
    """
    console = console_for(progress and devices.is_first_process())
    if directory is None or not devices.is_first_process():
        return train_and_finish(config, None, console)
    folder = Path(directory)
    with open_run(config, folder, console) as store:
        if store is None:
            return netcdf.load(folder)
        dataset = train_and_finish(config, folder, console, None if config.distributed else store)
        store.remove()
        return dataset


def open_run(
    config: RunConfig, folder: Path, console: Console, *, merging: bool = False
) -> AbstractContextManager[RunStore | None]:
    """The store of a run in its folder, as `opened`, or of all of its shards; raises ConfigError if another run is there."""
    claim.refuse_other_run(config, folder)
    store = RunStore(folder, identity.of_config(config), config.save_every, all_shards=merging)
    resume = command_line("merge" if merging else "resume", folder, config.shard)
    return opened(store, console, resume, lambda: claim.prepare_folder(config, folder))


@contextmanager
def opened(
    store: RunStore, console: Console, resume: str, is_finished: Callable[[], bool] = lambda: False
) -> Generator[RunStore | None]:
    """A locked store with what earlier processes have left in it; None if all is finished, and then nothing is left in it.

    Names the command to go on with, as `saying_how_to_go_on` does.
    """
    with saying_how_to_go_on(console, resume, store.folder), store:
        if is_finished():
            store.remove()
            console.print(f"{store.folder}: is finished; runtime.overwrite=true trains it again")
            yield None
            return
        for line in store.find_earlier():
            console.print(line)
        yield store


@contextmanager
def saying_how_to_go_on(console: Console, resume: str, folder: Path | None = None) -> Generator[None]:
    """Name the command that goes on, `resume`, if the run is stopped or its folder fails in here.

    If the folder does not say yet of which run it is, nothing is there to go on with.
    """

    def say_how() -> None:
        console.print(f"stopped  go on with: {resume}")

    finished = f"what is finished is kept, go on with: {resume}"
    try:
        with stopping.last_words(say_how):
            yield
    except TableFailed as error:
        raise ConfigError(f"{error}; {finished}") from error
    except stopping.Stopped:
        say_how()
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        advice = finished if folder is None or claim.is_begun(folder) else "nothing is begun yet; give the same command again"
        raise StorageError(f"{where}{error.strerror or error}; {advice}") from error


def train_and_finish(config: RunConfig, folder: Path | None, console: Console, store: RunStore | None = None) -> xr.Dataset:
    """Train one sweep, and finish its Dataset."""
    console.print(f"{config.name}: {size(config)}, on {devices.in_words(config.devices)}")
    [trained] = train([config], console, store)
    return finish(config, trained, folder, console)


def train(configs: Sequence[RunConfig], console: Console, store: RunStore | None = None) -> list[Trained]:
    """Train sweeps of equal runtime settings together."""
    began, groups = time.perf_counter(), [config.groups for config in configs]
    joined = sweep.join(groups)
    trainer = trainer_for(configs[0], joined)
    shell = Shell(console, trainer)
    with shell.bar:
        results = trainer.evaluate_again(trainer.train(shell, store), sweep.cells([config.grid for config in configs]), shell)
    seconds = {**shell.totals(), "all": time.perf_counter() - began}
    if len(configs) == 1:
        return [Trained(trainer, results, seconds)]
    split = zip(configs, sweep.split(groups, joined, results), strict=True)
    return [Trained(trainer_for(config, groups), results, seconds) for config, (groups, results) in split]


def trainer_for(config: RunConfig, groups: list[Group]) -> Trainer:
    """A trainer of groups with a config's runtime settings."""
    index, number = map(int, (config.shard or "0/1").split("/"))
    return Trainer(groups, devices=config.devices, chunk=config.chunk, keep=config.keep_programs, shard=(index, number))


def measure(dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """A run's Dataset with more tables; its config says what its models are, and no module that it names is imported."""
    try:
        config = run_config.read(select.config(dataset) | {"imports": [], "tables": [*names], "figures": []})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError("measure: the Dataset's attribute config is missing or damaged; give a run's Dataset") from error
    dataset = assemble.in_order(netcdf.updated(dataset), config.grid, config.groups)
    return tables.add(dataset, names, trainer_for(config, config.groups))


def size(config: RunConfig) -> str:
    """The size of a sweep, in a few words."""
    axes = " × ".join(f"{size} {dim}" for dim, size in config.grid.sizes.items())
    models = count(config.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(config.groups), 'compiled program')}"
