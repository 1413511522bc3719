"""What a run's folder holds, in words, for `info=<folder>`. Reads without a lock, and executes nothing that is stored."""

import contextlib
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from rich.filesize import decimal

from superposition_jax.command.terminal import command_line, same_command
from superposition_jax.config.rules import first_few
from superposition_jax.errors import ConfigError, one_line
from superposition_jax.results import select
from superposition_jax.results.status import STATUS
from superposition_jax.storage import claim, holders, manifest, parts
from superposition_jax.storage.holders import Holder


def rows(folder: Path) -> list[tuple[str, str]]:
    """Labels and texts of what a folder holds: a run, a multirun or runs. Raises ConfigError without one, or if it is damaged."""
    described = manifest.read(folder)
    if described is None:
        if runs := [*_multirun(folder), *_runs(folder)]:
            return runs
        raise ConfigError(f"info = {str(folder)!r}: no run there")
    try:
        return [(name, str(text)) for name, text in _run(folder, described)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(f"{folder}: is damaged: {one_line(error)}") from error


def _run(folder: Path, described: dict[str, Any]) -> Iterator[tuple[str, str]]:
    finished, dataset = described["status"] == "finished", _dataset(folder, described)
    yield "name", described["config"]["name"]
    if (file := folder / ".hydra" / "overrides.yaml").is_file():
        yield "overrides", shlex.join(yaml.safe_load(file.read_text(encoding="utf-8")))
    processes = [] if finished else holders.read(folder)
    yield "status", "finished" if finished else _words(processes)
    yield "finished" if finished else "begun", _time(folder / manifest.FILE)
    if seconds := described.get("seconds"):
        yield "took", f"{seconds['all']:.1f} s ({', '.join(f'{k} {v:.1f} s' for k, v in seconds.items() if k != 'all')})"
    yield "models", _models(dataset)
    if not finished and (shards := _shard_count(described)):
        counts = parts.by_shard(parts.files_of(folder))
        without = [shard for index in range(shards) if (shard := f"{index}/{shards}") not in counts]
        none_of = f"; none of {first_few(without)}" if without else ""
        yield "shards", f"{len(counts)} of {shards} have parts{none_of}"
    for axis in dataset.coords.values():
        if "path" in axis.attrs and set(axis.dims) <= set(dataset["status"].dims):
            yield "axis", f"{axis.name} ({axis.attrs['path']}): {_axis_values(axis.values)}"
    yield "loss", _losses(dataset)
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
    """Status and losses of every model."""
    names = ["status", *select.AGAIN, *select.AGAIN.values()]
    dataset = manifest.load_dataset(folder, names if described["status"] == "finished" else None)
    return dataset if "loss" in dataset else dataset.assign(loss=dataset["status"] * np.nan)


def _models(dataset: xr.Dataset) -> str:
    """How many models there are, by status."""
    counts = [f"{np.sum(dataset['status'].values == number):,} {word}" for number, word in enumerate(STATUS)]
    return f"{dataset['status'].size:,}: {', '.join(counts[1:] + counts[:1])}"


def _axis_values(values: np.ndarray) -> str:
    """All of up to eight values, else how many and their range, or first and last where they are names.

    >>> _axis_values(np.arange(12))
    '12 from 0 to 11'
    """
    flat = np.atleast_1d(values)
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in flat.tolist()]
    if flat.size <= 8:
        return ", ".join(shown)
    ends = (flat.argmin(), flat.argmax()) if flat.dtype.kind in "fiu" else (0, -1)
    return f"{flat.size:,} from {shown[ends[0]]} to {shown[ends[1]]}"


def _losses(dataset: xr.Dataset) -> str:
    """Best and median over seeds, as ranges over cells, of models that are finished and did not diverge."""
    dataset = dataset.assign(loss=dataset["loss"].where(dataset["status"] == STATUS.index("ok")))
    best, seed = select.best_seed(dataset)["loss"], select.seed_dim(dataset)
    cells = int(best.notnull().sum())
    if not cells:
        return "none yet"
    over = f" over {cells:,} cells" if cells > 1 else ""
    if seed is None:
        return _range(best) + over
    return f"best of seeds {_range(best)}, median {_range(dataset['loss'].median(seed))}{over}"


def _range(values: xr.DataArray) -> str:
    low, high = f"{float(values.min()):.4g}", f"{float(values.max()):.4g}"
    return low if low == high else f"{low} … {high}"


def _words(processes: list[Holder]) -> str:
    doing = {True: "trains", False: "has left it unfinished", None: "trains, or has left: its machine is not this one"}
    shards = ["" if holder.shard == "0/1" else f"shard {holder.shard}: " for holder in processes]
    words = [f"{shard}{holder.process} {doing[holder.lives]}" for shard, holder in zip(shards, processes, strict=True)]
    return "; ".join(words) or "not finished; nobody trains here"


def _time(file: Path) -> str:
    return f"{datetime.fromtimestamp(file.stat().st_mtime):%Y-%m-%d %H:%M:%S}"


def _shard_count(described: dict[str, Any]) -> int:
    """Into how many shards a run is divided; 0 if it is one process's."""
    return int((described["config"]["runtime"].get("shard") or "0/0").partition("/")[2])


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    jobs = []
    for path in sorted(folder.iterdir()):
        inside = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        size = 0
        for file in inside:
            with contextlib.suppress(FileNotFoundError):  # a run has just removed it
                size += file.stat().st_size
        if (path / manifest.FILE).is_file():
            jobs.append(size)
        elif path.is_dir():
            yield "files", f"{path.name}/  {len(inside)}, {decimal(size)}"
        else:
            yield "files", f"{path.name}  {decimal(size)}"
    if jobs:
        yield "files", f"folders of {len(jobs):,} runs, {decimal(sum(jobs))}"


def _command(folder: Path, described: dict[str, Any], dataset: xr.Dataset) -> str:
    shards = _shard_count(described)
    if shards and (dataset["status"] != STATUS.index("missing")).all():
        return command_line("merge", folder)
    return command_line("resume", folder, f"i/{shards}" if shards else None)


def _multirun(folder: Path) -> Iterator[tuple[str, str]]:
    """A multirun that is not finished."""
    begun = claim.batches(folder)
    if not begun:
        return
    processes = [holder for path in begun for holder in holders.read(path)]
    yield "status", f"a multirun: {_words(processes)}"
    yield "models", f"{sum(parts.by_shard(parts.files_of(path)).total() for path in begun):,} finished"
    yield from _files(folder)
    if not any(holder.lives for holder in processes):
        yield "go on", same_command(folder)


def _runs(folder: Path) -> Iterator[tuple[str, str]]:
    """The runs below a folder, a row each."""
    for file in sorted(folder.rglob(manifest.FILE)):
        try:
            described = manifest.read(file.parent)
            status = "finished" if described and described["status"] == "finished" else "not finished"
        except ConfigError:
            status = "damaged"
        yield str(file.parent.relative_to(folder)), f"{status}, {_time(file)}"
