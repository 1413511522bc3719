"""One sweep from checked config to pictures: train, label, save, draw."""

import json
import shlex
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.console import Console

from superposition_jax import explorer, sweep
from superposition_jax.command.progress import Shell, count
from superposition_jax.config import run_config
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import devices, stopping
from superposition_jax.engine.stopping import Stopped
from superposition_jax.engine.trainer import Trainer
from superposition_jax.errors import StorageError
from superposition_jax.experiments import figures, tables
from superposition_jax.results import assemble, neighbours, netcdf, select, status, trackers
from superposition_jax.storage import manifest
from superposition_jax.storage.checkpoint import RunStore
from superposition_jax.sweep import Group


def run(experiment: RunConfig, *, directory: str | Path | None = None, progress: bool = False) -> xr.Dataset:
    """Train an experiment; write results and figures into `directory` if one is given; tell the shell if `progress`.

    A run that was stopped or died there goes on; one that is finished there is not trained again.
    """
    console = console_for(progress and devices.is_first_process())
    if directory is None or not devices.is_first_process():
        console.print(f"{experiment.name}: {size(experiment)}")
        trained, seconds = train([experiment], console)
        return finish(experiment, trained[0], seconds, None, console)
    folder = Path(directory)
    manifest.refuse_other_run(experiment, folder)
    with kept(console, again(experiment, folder)), RunStore(folder, manifest.about(experiment), experiment.save_every) as store:
        if manifest.begin(experiment, folder):
            console.print(f"{folder}: is finished; runtime.overwrite=true trains it again", markup=False)
            return netcdf.load(folder)
        for line in store.open():
            console.print(line, markup=False)
        console.print(f"{experiment.name}: {size(experiment)}")
        trained, seconds = train([experiment], console, None if experiment.distributed else store)
        dataset = finish(experiment, trained[0], seconds, folder, console)
        store.remove()
        return dataset


@contextmanager
def kept(console: Console, again: str) -> Generator[None]:
    """Where a run may be stopped, or its folder fail: say how to go on."""
    try:
        yield
    except Stopped:
        console.print(f"stopped  go on with: {again}", markup=False)
        raise
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StorageError(f"{where}{error.strerror or error}; what is finished is kept, go on with: {again}") from error


def again(experiment: RunConfig, folder: Path) -> str:
    """The command that goes on with a run."""
    shard = f" runtime.shard={experiment.shard}" if experiment.shard else ""
    return f"python -m superposition_jax.run resume={shlex.quote(str(folder))}{shard}"


def console_for(progress: bool) -> Console:
    """Where messages go: the shell, or nowhere."""
    return Console(quiet=not progress, highlight=False, soft_wrap=True)


class Trained(NamedTuple):
    """An experiment's trained models: its groups are the trainer's, with the results of each."""

    trainer: Trainer
    results: list[dict[str, np.ndarray]]


def train(
    experiments: Sequence[RunConfig], console: Console, store: RunStore | None = None
) -> tuple[list[Trained], dict[str, float]]:
    """Train experiments of equal runtime settings together; what each has of it, and the seconds that all took."""
    began, groups = time.perf_counter(), [experiment.groups for experiment in experiments]
    joined = sweep.join(groups)
    trainer = trainer_for(experiments[0], joined)
    with Shell(console, trainer) as shell:
        results = trainer.train(shell, store)
    seconds = {**shell.totals(), "all": time.perf_counter() - began}
    if len(experiments) == 1:
        return [Trained(trainer, results)], seconds
    each = sweep.split(groups, joined, results)
    return [
        Trained(trainer_for(experiment, own), theirs) for experiment, (own, theirs) in zip(experiments, each, strict=True)
    ], seconds


def trainer_for(experiment: RunConfig, groups: Sequence[Group]) -> Trainer:
    """A trainer of groups with an experiment's runtime settings."""
    index, _, count = (experiment.shard or "0/1").partition("/")
    return Trainer(
        groups, devices=experiment.devices, chunk=experiment.chunk, keep=experiment.keep, shard=(int(index), int(count))
    )


def finish(
    experiment: RunConfig,
    trained: Trained,
    seconds: dict[str, float],
    folder: Path | None,
    console: Console,
    *,
    page: bool = True,
) -> xr.Dataset:
    """From trained models to a labelled Dataset with its tables; if there is a folder, on disk with its figures and `page`."""
    trainer, found = trained
    began = time.perf_counter()
    dataset = assemble.assemble(experiment.grid, [*map(assemble.Part.of, trainer.groups, found)]).assign_attrs(
        manifest.attributes(experiment)
    )

    if experiment.repair:
        dataset = neighbours.repair(experiment.grid, trainer, found).assign_attrs(dataset.attrs)
    dataset = tables.add(dataset, experiment.tables, trainer)
    if not console.quiet:
        _say_what_was_found(dataset, console, experiment.repair)
    if folder:
        stopping.stop_if_asked()
        files = netcdf.save(dataset, folder)
        draw(experiment.figures, dataset, folder, console)
        spent = {name: round(value, 3) for name, value in seconds.items()}
        spent["all"] = round(seconds["all"] + time.perf_counter() - began, 3)
        files.append(manifest.write(manifest.finished(experiment, dataset, spent, files[0]), folder))
        if page:  # of a run that is finished already
            explore(dataset, folder, console)
        console.print(f"results  {files[0]} (also {', '.join(path.name for path in files[1:])})", markup=False)
        console.print(f"open     superposition_jax.load({str(folder)!r})", markup=False)
    if diverged := status.diverged(dataset):
        models = count(diverged, "model")
        drawn = "; no figure shows any" if diverged == dataset["status"].size else ""
        console.print(f"{models} of {dataset['status'].size:,} diverged; see the variable diverged_at{drawn}")
    if folder and experiment.tracker:
        track(experiment.tracker, dataset, folder, console)
    return dataset


def measure(dataset: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """A run's Dataset with more tables; its config says what its models are, and no module that it names is imported."""
    described = json.loads(dataset.attrs["config"]) | {"imports": [], "tables": [*names], "figures": []}
    experiment = run_config.read(described)
    return tables.add(dataset, names, trainer_for(experiment, experiment.groups))


def draw(names: Sequence[str], dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """A run's figures."""
    for name in names:
        stopping.stop_if_asked()
        for picture in figures.save(dataset, [name], folder / "figures"):
            console.print(f"figure   {picture}", markup=False)


def explore(dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """A run's page to explore."""
    console.print(f"explore  {explorer.make(dataset, folder / explorer.FILE).file}", markup=False)


def track(tracker: str, dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """Log a finished run. Its folder has all of it already: where the tracker fails, a line says why."""
    try:
        where = trackers.TRACKERS[tracker](trackers.record(dataset, folder))
    except Exception as error:  # of a library of somebody else's, or of its server
        why = " ".join(f"{type(error).__name__}: {error}".split())
        console_for(True).print(f"tracked  not by {tracker}, results are saved: {why}", markup=False)
    else:
        console.print(f"tracked  {where}", markup=False)


def _say_what_was_found(dataset: xr.Dataset, console: Console, repaired: bool) -> None:
    for finding in select.findings(dataset):
        console.print(f"found    {finding}")
    if repaired:
        console.print(f"repaired {count(int(dataset['repaired'].sum()), 'model')}")
    if flagged := int(neighbours.stuck_cells(dataset).sum()):
        advice = "more seeds may help" if repaired else "train more seeds, or with sweep.repair=true"
        console.print(f"{count(flagged, 'cell')} above what a neighbour's loss allows (superposition_jax.check): {advice}")


def size(experiment: RunConfig) -> str:
    """A sweep in a few words."""
    axes = " × ".join(f"{size} {dim}" for dim, size in experiment.grid.sizes.items())
    models = count(experiment.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(experiment.groups), 'compiled program')}"
