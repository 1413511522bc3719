"""What scripts and notebooks call. Light to import: what a function needs is imported when it is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray

    from superposition_jax.explorer import Explorer


def run(overrides: Iterable[str] = (), *, directory: str | Path | None = None, progress: bool = False) -> xarray.Dataset:
    """Train the sweep that Hydra overrides describe, in compiled programs, and return its labelled results.

    Args:
      overrides: as on the command line, e.g. `["sweep=sparsity", "train.steps=500"]`.
      directory: where to write results.nc, metrics.csv, manifest.json and figures; nothing is written without one.
      progress: show a progress bar and the summary, as the command does.

    Returns:
      A Dataset whose dimensions are the axis names plus feature, hidden and step. The attribute `long_name` of each variable
      says what it is, `--list` what can be measured. Losses are sums over features.

    Raises:
      ConfigError: for a config that cannot be run, with one line that names the key.
      StorageError: if the directory cannot be written.
    """
    from superposition_jax.command import shards
    from superposition_jax.config import run_config
    from superposition_jax.engine import devices
    from superposition_jax.errors import ConfigError

    overrides = overrides if isinstance(overrides, str) else [*overrides]
    for override in overrides:
        if str(override).lstrip("+~").startswith("hydra"):
            raise ConfigError(f"{override}: is for the command only; give a directory")
    if directory == "":
        raise ConfigError("directory = '': must be a folder, '.' for this one, or None to write nothing")
    config = run_config.load(overrides)
    if config.distributed:
        devices.join_processes(config.devices)
    devices.usable(config.devices)
    dataset = shards.run(config, directory, progress=progress)
    return load(str(directory)) if dataset is None else dataset


def load(path: str | Path) -> xarray.Dataset:
    """The Dataset of a run, in memory; of an unfinished one what is finished, the rest `missing`.

    Loading executes nothing that is stored there.

    Args:
      path: a run's folder, outputs/<name>/<time>, one that shards have in common, or a results.nc.

    Returns:
      What `run` returned.

    Raises:
      FileNotFoundError: if there is no run.
      ConfigError: if its manifest.json is damaged. Damaged parts of an unfinished run count as missing.
      OSError: if its results.nc is damaged by the digest with which it ends or, by that in manifest.json, another run's.
    """
    from superposition_jax.storage import manifest

    return manifest.load_dataset(Path(path))


def explore(run: str | Path | xarray.Dataset, file: str | Path | None = None) -> Explorer:
    """The page to explore a run: self-contained HTML, which a notebook shows.

    Args:
      run: its folder or results.nc, also of an unfinished run, or its Dataset.
      file: where to write the page. Without it a run's goes to explorer.html in its folder, and a Dataset's is not written.

    Returns:
      The page and its file.

    Raises:
      FileNotFoundError: if there is no run.
      ConfigError: if none of its models is finished, or if explorer.html in its folder is somebody else's.
      OSError: if its results.nc is damaged, as `load` says.
      ValueError: for a Dataset that lacks what the page shows, or has only some of the features.
    """
    from superposition_jax import explorer
    from superposition_jax.errors import ConfigError
    from superposition_jax.storage import outputs

    if isinstance(run, (str, Path)):
        path, run = Path(run), load(run)
        if "loss" not in run:
            raise ConfigError(f"{path}: nothing is finished yet")
        if file is None:
            file = (path if path.is_dir() else path.parent) / explorer.FILE
            outputs.refuse_foreign_page(file)
    return explorer.make(run, Path(file) if file else None)


def measure(run: str | Path | xarray.Dataset, tables: Sequence[str]) -> xarray.Dataset:
    """A finished run with more tables, measured on models that are trained already.

    Args:
      run: its folder or results.nc, or its whole Dataset, with dimensions and labels in any order.
      tables: names as in `tables=[…]`, e.g. `["hierarchy", "packing"]`.

    Returns:
      The Dataset, in the run's order, with the tables' variables; their findings are its attribute `findings`, a line each.
      Nothing is written.

    Raises:
      FileNotFoundError: if there is no run.
      OSError: if its results.nc is damaged, as `load` says.
      ConfigError: for a table that does not exist or does not fit this run, or for a part of a run, with one line. A module of
        yours that adds names to registries must be imported first.
    """
    from superposition_jax.command import pipeline

    return pipeline.measure(load(run) if isinstance(run, (str, Path)) else run, tables)


def check(dataset: xarray.Dataset, tolerance: float = 1e-3) -> xarray.DataArray:
    """Cells whose best loss is above what a neighbour's loss allows, by more than `tolerance`: see `neighbours`.

    Args:
      dataset: a whole run: its `loss`, `loss_stderr` and `loss_relative`, with their coordinates.
      tolerance: relative to the neighbour's bound.

    Returns:
      True where a cell certainly got stuck, over the sweep's dimensions without the seed's.

    Raises:
      ValueError: if the Dataset lacks one of the three.
    """
    from superposition_jax.results import neighbours

    return neighbours.stuck_cells(dataset, tolerance)
