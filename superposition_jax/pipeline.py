"""One sweep from checked config to pictures: train, label, save, draw."""

import functools
import importlib.metadata
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from rich.console import Console

import superposition_jax
from superposition_jax import batch, consistency, engine, figures, parts, processes, results, tables
from superposition_jax.compose import flatten
from superposition_jax.config import Experiment
from superposition_jax.parts import Parts
from superposition_jax.progress import Shell, count
from superposition_jax.sweep import Group

PACKAGES = ("jax", "jaxlib", "optax", "flax", "numpy", "xarray", "hydra-core")


def run(experiment: Experiment, *, directory: str | Path | None = None, progress: bool = False) -> xr.Dataset:
    """Train an experiment; write results and figures into `directory` if one is given; tell the shell if `progress`."""
    console = console_for(progress and processes.is_first())
    folder = Path(directory) if directory is not None and processes.is_first() else None
    console.print(f"{experiment.name}: {size(experiment)}")
    store = Parts(folder, about(experiment, experiment.grid.n_points)) if folder and not experiment.distributed else None
    trained, seconds = train([experiment], console, store)
    dataset = finish(experiment, trained[0], seconds, folder, console)
    if store:
        store.remove()
    return dataset


def about(experiment: Experiment, models: int) -> parts.Run:
    """What parts say of an experiment. Where a part was made changes no result, but for the versions of what computes."""
    leaves = flatten({key: value for key, value in experiment.config.items() if key != "runtime"})
    versions = {f"version of {name}": _versions()[name] for name in ("superposition_jax", "jax", "jaxlib", "optax")}
    about = parts.Run(
        config={**dict(leaves), **versions},
        attributes=attributes(experiment),
        axes=[[axis.name, axis.path, axis.values, axis.dim] for axis in experiment.grid.axes],
        shard=experiment.shard or "0/1",
        models=models,
    )
    return parts.Run(**json.loads(json.dumps(about._asdict())))


def console_for(progress: bool) -> Console:
    """Where messages go: the shell, or nowhere."""
    return Console(quiet=not progress, highlight=False, soft_wrap=True)


class Trained(NamedTuple):
    """An experiment's trained models: its groups are the trainer's, with the results of each."""

    trainer: engine.Trainer
    results: list[dict[str, np.ndarray]]


def train(
    experiments: Sequence[Experiment], console: Console, store: Parts | None = None
) -> tuple[list[Trained], dict[str, float]]:
    """Train experiments of equal runtime settings together; what each has of it, and the seconds that all took."""
    began, groups = time.perf_counter(), [experiment.groups for experiment in experiments]
    joined = batch.join(groups)
    trainer = trainer_for(experiments[0], joined)
    with Shell(console, trainer) as shell:
        results = trainer.train(shell, store)
    seconds = {**shell.totals(), "all": time.perf_counter() - began}
    if len(experiments) == 1:
        return [Trained(trainer, results)], seconds
    each = batch.split(groups, joined, results)
    return [
        Trained(trainer_for(experiment, own), theirs) for experiment, (own, theirs) in zip(experiments, each, strict=True)
    ], seconds


def trainer_for(experiment: Experiment, groups: Sequence[Group]) -> engine.Trainer:
    """A trainer of groups with an experiment's runtime settings."""
    index, _, count = (experiment.shard or "0/1").partition("/")
    return engine.Trainer(
        groups, devices=experiment.devices, chunk=experiment.chunk, keep=experiment.keep, shard=(int(index), int(count))
    )


def finish(
    experiment: Experiment, trained: Trained, seconds: dict[str, float], folder: Path | None, console: Console
) -> xr.Dataset:
    """From trained models to a labelled Dataset with its tables, on disk with its figures if there is a folder."""
    trainer, found = trained
    began = time.perf_counter()
    dataset = results.assemble(experiment.grid, [*map(results.Part.of, trainer.groups, found)]).assign_attrs(
        attributes(experiment)
    )

    def keep(dataset: xr.Dataset) -> list[Path]:
        spent = {name: round(value, 3) for name, value in seconds.items()}
        spent["all"] = round(seconds["all"] + time.perf_counter() - began, 3)
        return results.save(dataset, _manifest(experiment, dataset, spent), folder) if folder else []

    files = keep(dataset)
    if experiment.repair or experiment.tables:
        if experiment.repair:
            dataset = consistency.repair(experiment.grid, trainer, found).assign_attrs(dataset.attrs)
        dataset = tables.add(dataset, experiment.tables, trainer)
        files = keep(dataset)
    if not console.quiet:
        _say_what_was_found(dataset, console, experiment.repair)
    if folder:
        console.print(f"results  {files[0]} (also {', '.join(path.name for path in files[1:])})")
        for picture in figures.save(dataset, experiment.figures, folder / "figures"):
            console.print(f"figure   {picture}")
        console.print(f"open     superposition_jax.load({str(folder)!r})", markup=False)
    return dataset


def attributes(experiment: Experiment) -> dict[str, str]:
    """What a Dataset remembers of its experiment."""
    return {
        "name": experiment.name,
        "config": json.dumps(experiment.config),
        "superposition_jax": superposition_jax.__version__,
    }


def _findings(dataset: xr.Dataset) -> list[str]:
    return [line for line in dataset.attrs.get("findings", "").split("\n") if line]


def _say_what_was_found(dataset: xr.Dataset, console: Console, repaired: bool) -> None:
    for finding in _findings(dataset):
        console.print(f"found    {finding}")
    if repaired:
        console.print(f"repaired {count(int(dataset['repaired'].sum()), 'model')}")
    if flagged := int(consistency.check(dataset).sum()):
        advice = "more seeds may help" if repaired else "train more seeds, or with sweep.repair=true"
        console.print(f"{count(flagged, 'cell')} above what a neighbour's loss allows (superposition_jax.check): {advice}")
    if diverged := _diverged(dataset):
        console.print(f"{count(diverged, 'model')} of {dataset['status'].size:,} diverged; see the variable diverged_at")


def _diverged(dataset: xr.Dataset) -> int:
    return int((dataset["status"] == results.STATUS.index("diverged")).sum())


def size(experiment: Experiment) -> str:
    """A sweep in a few words."""
    axes = " × ".join(f"{size} {dim}" for dim, size in experiment.grid.sizes.items())
    models = count(experiment.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(experiment.groups), 'compiled program')}"


@functools.cache
def _versions() -> dict[str, str]:
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"superposition_jax": superposition_jax.__version__, "python": platform.python_version(), **packages}


def _manifest(experiment: Experiment, dataset: xr.Dataset, seconds: dict[str, float]) -> dict[str, Any]:
    """All that is needed to know what was run, and to run it again."""
    return {
        "status": "finished",
        "config": experiment.config,
        "axes": {axis.name: {"path": axis.path, "values": axis.values, "dim": axis.dim} for axis in experiment.grid.axes},
        "seeds": sorted({int(seed) for group in experiment.groups for seed in set(group.seeds.tolist())}),
        "groups": [{"spec": vars(group.spec), "models": len(group.points)} for group in experiment.groups],
        "diverged": _diverged(dataset),
        "findings": _findings(dataset),
        "seconds": seconds,
        "versions": _versions(),
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
    }
