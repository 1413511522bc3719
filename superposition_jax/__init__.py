"""superposition_jax: a batched-sweep engine for Toy Models of Superposition (Elhage et al. 2022).

import superposition_jax
ds = superposition_jax.run(["sweep=sparsity", "train.steps=500"])
ds = superposition_jax.load("outputs/sparsity/<time>")
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray

try:
    __version__ = version("superposition_jax")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"

__all__ = ["check", "load", "run"]


def run(overrides: Sequence[str] = (), *, directory: str | Path | None = None, progress: bool = False) -> xarray.Dataset:
    """Train the sweep that Hydra overrides describe, in compiled programs, and return its labelled results.

    Args:
      overrides: as on the command line, e.g. `["sweep=sparsity", "train.steps=500"]`.
      directory: where to write results.nc, metrics.csv, manifest.json and figures; nothing is written without one.
      progress: show a progress bar and the summary, as the command does.

    Returns:
      A Dataset whose dimensions are the axis names plus feature, hidden and step.

    Raises:
      ConfigError: for a config that cannot be run, with one line that names the key.
    """
    from superposition_jax import config, pipeline, processes, shards
    from superposition_jax.errors import ConfigError

    for override in overrides:
        if override.lstrip("+~").startswith("hydra"):
            raise ConfigError(f"{override}: is of the command; here, give a directory")
    experiment = config.load(overrides)
    if experiment.distributed:
        processes.join(experiment.devices)
    if experiment.shard is None:
        return pipeline.run(experiment, directory=directory, progress=progress)
    shards.train(experiment, directory, progress=progress)
    return load(str(directory))


def load(path: str | Path) -> xarray.Dataset:
    """The Dataset of a run, from its folder or its results.nc; of an unfinished one what is finished, the rest `missing`.

    Loading executes nothing that is stored there.
    """
    from superposition_jax import manifest, results

    return manifest.load(Path(path)) if Path(path).is_dir() else results.load(path)


def check(dataset: xarray.Dataset, tolerance: float = 1e-3) -> xarray.DataArray:
    """Cells whose best loss is above what a neighbour's loss allows, by more than `tolerance`: see `consistency`."""
    from superposition_jax import consistency

    return consistency.check(dataset, tolerance)
