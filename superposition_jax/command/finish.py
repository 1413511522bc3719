"""From trained models to a Dataset with its tables; in a folder also its files, figures and page."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from rich.console import Console

from superposition_jax import explorer
from superposition_jax.command.terminal import console_for, count
from superposition_jax.config import recipe
from superposition_jax.config.run_config import RunConfig
from superposition_jax.engine import stopping
from superposition_jax.engine.trainer import Trainer
from superposition_jax.errors import one_line
from superposition_jax.experiments import figures, over_seeds, tables
from superposition_jax.results import assemble, neighbours, netcdf, select, status, trackers
from superposition_jax.storage import manifest


class Trained(NamedTuple):
    """The trained models of a run."""

    trainer: Trainer
    results: list[dict[str, np.ndarray]]
    """Arrays (model, …) by name, a dict for each of the trainer's groups."""
    seconds: dict[str, float]
    """Seconds of compiling, training, evaluating, and of all of it; models that are trained together share them."""


def finish(config: RunConfig, trained: Trained, folder: Path | None, console: Console, *, page: bool = True) -> xr.Dataset:
    """The labelled Dataset of trained models with its tables; if there is a folder, written there with figures and `page`."""
    trainer, results, seconds = trained
    began, used = time.perf_counter(), recipe.used(config.grid, config.groups)
    attributes = manifest.dataset_attributes(config.composed, used)
    dataset = assemble.assemble(config.grid, [*map(assemble.Part.of, trainer.groups, results)]).assign_attrs(attributes)
    if config.repair:
        dataset = neighbours.repair(config.grid, trainer, results).assign_attrs(attributes)
    if lines := [*over_seeds.findings(dataset)]:
        dataset = dataset.assign_attrs({select.FINDINGS: "\n".join(lines)})
    dataset = tables.add(dataset, config.tables, trainer)
    if not console.quiet:
        _print_findings(dataset, console, config.repair)
    if folder:
        stopping.stop_if_asked()
        files = netcdf.save(dataset, folder)
        began_to_draw = time.perf_counter()
        draw(config.figures, dataset, folder, console)
        if page:
            write_page(dataset, folder, console)
        ended = time.perf_counter()
        spent = seconds | {"draw": ended - began_to_draw, "all": seconds["all"] + ended - began}
        spent = {name: round(value, 3) for name, value in spent.items()}
        files.append(manifest.write(manifest.of_finished(config, dataset, spent, files[0]), folder))
        console.print(f"results  {files[0]} (also {', '.join(path.name for path in files[1:])})")
        console.print(f"open     superposition_jax.load({str(folder)!r})")
    if diverged := status.diverged(dataset):
        models, drawn = dataset["status"].size, "; no figure shows any" if diverged == dataset["status"].size else ""
        console.print(f"{count(diverged, 'model')} of {models:,} diverged; see the variable diverged_at{drawn}")
    if folder and config.tracker:
        track(config.tracker, dataset, folder, console)
    return dataset


def _print_findings(dataset: xr.Dataset, console: Console, repaired: bool) -> None:
    for finding in select.findings(dataset):
        console.print(f"found    {finding}")
    if repaired:
        console.print(f"repaired {count(int(dataset['repaired'].sum()), 'model')}")
    if stuck := int(neighbours.stuck_cells(dataset).sum()):
        advice = "more seeds may help" if repaired else "train more seeds, or with sweep.repair=true"
        console.print(f"{count(stuck, 'cell')} above what a neighbour's loss allows (superposition_jax.check): {advice}")


def draw(names: Sequence[str], dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """Draw a run's figures into its folder."""
    for name in names:
        stopping.stop_if_asked()
        for picture in figures.save(dataset, [name], folder / "figures"):
            console.print(f"figure   {picture}")


def write_page(dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """Write a run's page to explore into its folder."""
    console.print(f"explore  {explorer.make(dataset, folder / explorer.FILE).file}")


def track(tracker: str, dataset: xr.Dataset, folder: Path, console: Console) -> None:
    """Log a finished run. Where the tracker fails, a line says why: the folder has all results already."""
    try:
        console.print(f"tracked  {trackers.TRACKERS[tracker](trackers.record(dataset, folder))}")
    except Exception as error:  # of a library of somebody else's, or of its server
        console_for(True).print(f"tracked  not by {tracker}, results are saved: {one_line(error)}")
