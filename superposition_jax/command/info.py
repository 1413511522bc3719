"""What a run's folder holds, in words, for `info=<folder>`. Reads without a lock, and executes nothing that is stored."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from rich.filesize import decimal

from superposition_jax.command import summary
from superposition_jax.command.multirun import UNFINISHED
from superposition_jax.errors import ConfigError
from superposition_jax.results import netcdf
from superposition_jax.results.status import STATUS
from superposition_jax.storage import manifest, parts
from superposition_jax.storage.checkpoint import Holder, holders

Row = tuple[str, str]
"""A label and its text."""


def rows(folder: Path) -> list[Row]:
    """What a folder holds: a run, a multirun, or folders of runs.

    Raises:
      ConfigError: if there is none, or it is damaged.
    """
    described = manifest.read(folder)
    if described is None:
        runs = [*_multirun(folder), *_runs(folder)]
        if not runs:
            raise ConfigError(f"info = {str(folder)!r}: no run there")
        return runs
    try:
        return [(name, str(text)) for name, text in _run(folder, described)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder}: is damaged: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _run(folder: Path, described: dict[str, Any]) -> Iterator[Row]:
    finished, dataset = described["status"] == "finished", _dataset(folder, described)
    yield "name", described["config"]["name"]
    yield from _overrides(folder)
    processes = [] if finished else holders(folder)
    yield "status", "finished" if finished else "; ".join(map(_words, processes)) or "not finished; nobody trains here"
    yield "finished" if finished else "begun", _time(folder / "manifest.json")
    if seconds := described.get("seconds"):
        yield "took", f"{seconds['all']:.1f} s ({', '.join(f'{k} {v:.1f} s' for k, v in seconds.items() if k != 'all')})"
    yield "models", summary.models(dataset)
    if not finished and (shards := _shard_count(described)):
        yield "shards", _shards(parts.by_shard(folder), shards)
    for axis in dataset.coords.values():
        if "path" in axis.attrs and set(axis.dims) <= set(dataset["status"].dims):
            yield "axis", f"{axis.name} ({axis.attrs['path']}): {summary.axis_values(axis.values)}"
    yield "loss", summary.losses(dataset)
    yield from (("found", line) for line in described.get("findings", []))
    if "jobs" in described:
        yield "jobs", f"{described['jobs']}, {len(described['failed'])} failed"
        yield from (("failed", f"{name}: {why}") for name, why in described["failed"].items())
    yield "versions", ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    yield from (("devices", device) for device in described.get("devices", []))
    yield from _files(folder)
    if finished:
        yield "open", f"superposition_jax.load({str(folder)!r})"
    elif not any(holder.lives for holder in processes):
        yield "go on", _command(folder, described, dataset)


def _dataset(folder: Path, described: dict[str, Any]) -> xr.Dataset:
    """Status and loss of every model."""
    file = folder / "results.nc"
    if described["status"] != "finished":
        dataset = manifest.load_dataset(folder)
    elif "sha256" in described and manifest.sha256(file) != described["sha256"]:
        raise ValueError(f"{file.name} is not what was written")
    else:
        dataset = netcdf.load(file, ["status", "loss"])
    return dataset if "loss" in dataset else dataset.assign(loss=dataset["status"] * np.nan)


def _overrides(folder: Path) -> Iterator[Row]:
    file = folder / ".hydra" / "overrides.yaml"
    if file.is_file():
        yield "overrides", shlex.join(yaml.safe_load(file.read_text(encoding="utf-8")))


def _words(holder: Holder) -> str:
    doing = {True: "trains", False: "has left it unfinished", None: "trains, or has left: its machine is not this one"}
    return f"{'' if holder.shard == '0/1' else f'shard {holder.shard}: '}{holder.process} {doing[holder.lives]}"


def _time(file: Path) -> str:
    return f"{datetime.fromtimestamp(file.stat().st_mtime):%Y-%m-%d %H:%M:%S}"


def _shard_count(described: dict[str, Any]) -> int:
    """Into how many shards a run is divided; 0 if it is one process's."""
    return int((described["config"]["runtime"].get("shard") or "0/0").partition("/")[2])


def _shards(counts: dict[str, int], shards: int) -> str:
    without = [f"{index}/{shards}" for index in range(shards) if f"{index}/{shards}" not in counts]
    named = ", ".join(without[: summary.FEW]) + (f" and {len(without) - summary.FEW} more" if len(without) > summary.FEW else "")
    return f"{len(counts)} of {shards} have parts{f'; none of {named}' if without else ''}"


def _size(path: Path) -> int:
    """Bytes of a file; 0 if a run has just removed it."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _files(folder: Path) -> Iterator[Row]:
    jobs = []
    for path in sorted(folder.iterdir()):
        inside = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        size = sum(map(_size, inside))
        if (path / "manifest.json").is_file():
            jobs.append(size)
        elif path.is_dir():
            yield "files", f"{path.name}/  {len(inside)}, {decimal(size)}"
        else:
            yield "files", f"{path.name}  {decimal(size)}"
    if jobs:
        yield "files", f"folders of {len(jobs):,} runs, {decimal(sum(jobs))}"


def _command(folder: Path, described: dict[str, Any], dataset: xr.Dataset) -> str:
    command, shards, where = "python -m superposition_jax.run", _shard_count(described), shlex.quote(str(folder))
    if shards and (dataset["status"] != STATUS.index("missing")).all():
        return f"{command} merge={where}"
    return f"{command} resume={where}" + (f" runtime.shard=i/{shards}" if shards else "")


def _multirun(folder: Path) -> Iterator[Row]:
    """A multirun that is not finished."""
    begun = sorted(path.parent for path in folder.glob(f"{UNFINISHED}/*/jobs.json"))
    if not begun:
        return
    processes = [holder for path in begun for holder in holders(path)]
    yield "status", f"a multirun: {'; '.join(map(_words, processes)) or 'not finished; nobody trains here'}"
    yield "models", f"{sum(map(parts.count, begun)):,} finished"
    yield from _files(folder)
    if not any(holder.lives for holder in processes):
        yield "go on", f"the same command with hydra.sweep.dir={shlex.quote(str(folder))}"


def _runs(folder: Path) -> Iterator[Row]:
    """The runs below a folder, a row each."""
    for file in sorted(folder.rglob("manifest.json")):
        try:
            described = manifest.read(file.parent)
            status = "finished" if described and described["status"] == "finished" else "not finished"
        except ConfigError:
            status = "damaged"
        yield str(file.parent.relative_to(folder)), f"{status}, {_time(file)}"
