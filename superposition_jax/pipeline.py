"""One sweep from checked config to pictures: train, label, save, draw."""

import importlib.metadata
import json
import platform
import time
from pathlib import Path
from typing import Any

import jax
import xarray as xr
from rich.console import Console

import superposition_jax
from superposition_jax import consistency, engine, figures, results, tables
from superposition_jax.config import Experiment
from superposition_jax.progress import Shell, count

PACKAGES = ("jax", "jaxlib", "optax", "flax", "numpy", "xarray", "hydra-core")


def run(experiment: Experiment, *, directory: str | Path | None = None, progress: bool = False) -> xr.Dataset:
    """Train an experiment; write results and figures into `directory` if one is given; tell the shell if `progress`."""
    console = Console(quiet=not progress, highlight=False, soft_wrap=True)
    began, folder = time.perf_counter(), Path(directory) if directory is not None else None
    with Shell(console, experiment.groups) as shell:
        console.print(f"{experiment.name}: {_size(experiment)}")
        trainer = engine.Trainer(experiment.groups, devices=experiment.devices, chunk=experiment.chunk, keep=experiment.keep)
        trained = trainer.train(shell)
    dataset = results.assemble(experiment.grid, experiment.groups, trained).assign_attrs(_attributes(experiment))

    def keep(dataset: xr.Dataset) -> list[Path]:
        seconds = {**shell.totals(), "all": round(time.perf_counter() - began, 3)}
        return results.save(dataset, _manifest(experiment, dataset, seconds), folder) if folder else []

    files = keep(dataset)
    if experiment.repair or experiment.tables:
        if experiment.repair:
            dataset = consistency.repair(experiment.grid, trainer, trained).assign_attrs(dataset.attrs)
        dataset = tables.add(dataset, experiment.tables, trainer)
        files = keep(dataset)
    _say_what_was_found(dataset, console, experiment.repair)
    if folder:
        console.print(f"results  {files[0]} (also {', '.join(path.name for path in files[1:])})")
        for picture in figures.save(dataset, experiment.figures, folder / "figures"):
            console.print(f"figure   {picture}")
        console.print(f"open     superposition_jax.load({str(folder)!r})", markup=False)
    return dataset


def _attributes(experiment: Experiment) -> dict[str, str]:
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


def _size(experiment: Experiment) -> str:
    axes = " × ".join(f"{size} {dim}" for dim, size in experiment.grid.sizes.items())
    models = count(experiment.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(experiment.groups), 'compiled program')}"


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
        "versions": {
            "superposition_jax": superposition_jax.__version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.local_devices()],
    }
