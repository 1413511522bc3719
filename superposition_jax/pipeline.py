"""One sweep from checked config to pictures: train, label, save, draw."""

import importlib.metadata
import json
import platform
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
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
    began = time.perf_counter()
    with Shell(console, experiment.groups) as shell:
        console.print(f"{experiment.name}: {_size(experiment)}")
        trainer = engine.Trainer(experiment.groups, devices=experiment.devices, chunk=experiment.chunk, keep=experiment.keep)
        trained = trainer.train(shell)
    dataset = results.assemble(experiment.grid, experiment.groups, trained)
    dataset.attrs = {
        "name": experiment.name,
        "config": json.dumps(experiment.config),
        "superposition_jax": superposition_jax.__version__,
    }
    dataset = _work_out(dataset, experiment, partial(_retrain, trainer, experiment.grid.n_points), console)
    if directory is not None:
        folder = Path(directory)
        first, *others = results.save(dataset, _manifest(experiment, shell, time.perf_counter() - began), folder)
        pictures = figures.save(dataset, experiment.figures, folder / "figures")
        console.print(f"results  {first} (also {', '.join(path.name for path in others)})")
        for picture in pictures:
            console.print(f"figure   {picture}")
        console.print(f"open     superposition_jax.load({str(folder)!r})", markup=False)
    if shell.diverged:
        console.print(f"{count(shell.diverged, 'model')} of {experiment.grid.n_points:,} diverged; see the variable diverged_at")
    return dataset


def _work_out(dataset: xr.Dataset, experiment: Experiment, retrain: tables.Retrain, console: Console) -> xr.Dataset:
    """Repair, check and tables."""
    if experiment.repair:
        dataset = consistency.repair(dataset, retrain)
        console.print(f"repaired {count(int(dataset['repaired'].sum()), 'model')}")
    if flagged := int(consistency.check(dataset).sum()):
        least = f"{count(flagged, 'cell')} with a best loss above what a neighbour's allows (superposition_jax.check)"
        console.print(f"{least}: train more seeds, or with sweep.repair=true")
    dataset = tables.add(dataset, experiment.tables, retrain)
    for finding in filter(None, dataset.attrs.get("findings", "").split("\n")):
        console.print(f"found    {finding}")
    return dataset


_RATE = 0.2
"""Learning rate of models that go on from given parameters, relative to the sweep's: they are near their end."""


def _retrain(trainer: engine.Trainer, n_points: int, points: np.ndarray, start: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`tables.Retrain`: the models at these points, wherever their groups, from `start`."""
    group, place = np.empty(n_points, int), np.empty(n_points, int)
    for number, members in enumerate(trainer.groups):
        group[members.points], place[members.points] = number, np.arange(len(members.points))
    found: dict[str, np.ndarray] = {}
    for number in np.unique(group[points]):
        here = np.flatnonzero(group[points] == number)
        sizes = (trainer.groups[number].spec.n_hidden, trainer.groups[number].spec.n_features)
        own = {"W": start["W"][here][:, : sizes[0], : sizes[1]], "b": start["b"][here][:, : sizes[1]]}
        for name, value in trainer.retrain(int(number), place[points[here]], own, _RATE, lambda report: None).items():
            found.setdefault(name, np.empty((len(points), *value.shape[1:]), value.dtype))[here] = value
    return found


def _size(experiment: Experiment) -> str:
    axes = " × ".join(f"{size} {dim}" for dim, size in experiment.grid.sizes.items())
    models = count(experiment.grid.n_points, "model")
    return f"{axes + ' = ' if axes else ''}{models} in {count(len(experiment.groups), 'compiled program')}"


def _manifest(experiment: Experiment, shell: Shell, seconds: float) -> dict[str, Any]:
    """All that is needed to know what was run, and to run it again."""
    return {
        "status": "finished",
        "config": experiment.config,
        "axes": {axis.name: {"path": axis.path, "values": axis.values, "dim": axis.dim} for axis in experiment.grid.axes},
        "seeds": sorted({int(seed) for group in experiment.groups for seed in set(group.seeds.tolist())}),
        "groups": [{"spec": vars(group.spec), "models": len(group.points)} for group in experiment.groups],
        "diverged": shell.diverged,
        "seconds": {**shell.totals(), "all": round(seconds, 3)},
        "versions": {
            "superposition_jax": superposition_jax.__version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.local_devices()],
    }
