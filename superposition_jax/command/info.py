"""What a run's folder holds, in words, for `info=<folder>`. It only reads, takes no lock, and executes nothing that is stored."""

import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml
from rich.filesize import decimal

from superposition_jax.command.multirun import UNFINISHED
from superposition_jax.errors import ConfigError
from superposition_jax.results import select
from superposition_jax.results.status import STATUS
from superposition_jax.storage import manifest, parts
from superposition_jax.storage.checkpoint import Holder, holders

Row = tuple[str, str]
"""What it is, and its value."""

_FEW = 8
"""Values of an axis, or shards, that are named one by one."""


def rows(folder: Path) -> list[Row]:
    """A run, a multirun, or a folder of runs.

    Raises:
      ConfigError: if there is none, or it is damaged.
    """
    there = manifest.read(folder)
    if there is None:
        found = [*_multirun(folder), *_runs(folder)]
        if not found:
            raise ConfigError(f"info = {str(folder)!r}: no run there")
        return found
    try:
        return [(name, str(text)) for name, text in _run(folder, there)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{folder}: is damaged: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _run(folder: Path, there: dict[str, Any]) -> Iterator[Row]:
    finished, dataset = there["status"] == "finished", _dataset(folder, there)
    yield "name", there["config"]["name"]
    yield from _overrides(folder)
    held = [] if finished else holders(folder)
    yield "status", "finished" if finished else "; ".join(map(_words, held)) or "not finished; nobody trains here"
    yield "finished" if finished else "begun", _time(folder / "manifest.json")
    if seconds := there.get("seconds"):
        yield "took", f"{seconds['all']:.1f} s ({', '.join(f'{k} {v:.1f} s' for k, v in seconds.items() if k != 'all')})"
    yield "models", _models(dataset)
    if not finished and (divided := _divided(there)):
        yield "shards", _shards(parts.by_shard(folder), divided)
    for axis in dataset.coords.values():
        if "long_name" in axis.attrs and set(axis.dims) <= set(dataset["status"].dims):
            yield "axis", f"{axis.name} ({axis.attrs['long_name']}): {_values(axis.values)}"
    yield "loss", _loss(dataset)
    yield from (("found", line) for line in there.get("findings", []))
    if "jobs" in there:
        yield "jobs", f"{there['jobs']}, {len(there['failed'])} failed"
        yield from (("failed", f"{name}: {why}") for name, why in there["failed"].items())
    yield "versions", ", ".join(f"{name} {version}" for name, version in there["versions"].items())
    yield from (("devices", device) for device in there.get("devices", []))
    yield from _files(folder)
    if finished:
        yield "open", f"superposition_jax.load({str(folder)!r})"
    elif not any(holder.lives for holder in held):
        yield "go on", _again(folder, there, dataset)


def _dataset(folder: Path, there: dict[str, Any]) -> xr.Dataset:
    """Status and loss of every model."""
    file = folder / "results.nc"
    if there["status"] != "finished":
        dataset = manifest.load(folder)
    elif "sha256" in there and manifest.digest(file) != there["sha256"]:
        raise ValueError(f"{file.name} is not what was written")
    else:
        with xr.open_dataset(file, engine="h5netcdf") as stored:
            dataset = stored[["status", "loss"]].load()
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


def _models(dataset: xr.Dataset) -> str:
    counts = [f"{np.sum(dataset['status'].values == number):,} {word}" for number, word in enumerate(STATUS)]
    return f"{dataset['status'].size:,}: {', '.join(counts[1:] + counts[:1])}"


def _divided(there: dict[str, Any]) -> int:
    """Into how many shards a run is divided; 0 if it is one process's."""
    return int((there["config"]["runtime"].get("shard") or "0/0").partition("/")[2])


def _shards(held: dict[str, int], divided: int) -> str:
    without = [f"{index}/{divided}" for index in range(divided) if f"{index}/{divided}" not in held]
    named = ", ".join(without[:_FEW]) + (f" and {len(without) - _FEW} more" if len(without) > _FEW else "")
    return f"{len(held)} of {divided} have parts{f'; none of {named}' if without else ''}"


def _values(values: np.ndarray) -> str:
    """All of a few values, else how many and their range, or first and last where they are names."""
    flat = np.atleast_1d(values)
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in flat.tolist()]
    if flat.size <= _FEW:
        return ", ".join(shown)
    ends = (flat.argmin(), flat.argmax()) if flat.dtype.kind in "fiu" else (0, -1)
    return f"{flat.size:,} from {shown[ends[0]]} to {shown[ends[1]]}"


def _loss(dataset: xr.Dataset) -> str:
    """Best and median over seeds, as ranges over cells, of models that are finished and did not diverge."""
    loss, seed = dataset["loss"].where(dataset["status"] == STATUS.index("ok")), select.seed_dim(dataset)
    cells = loss.transpose(..., seed).values.reshape(-1, loss.sizes[seed]) if seed else loss.values.reshape(-1, 1)
    cells = cells[np.isfinite(cells).any(axis=1)]
    if not cells.size:
        return "none yet"
    over = f" over {len(cells):,} cells" if len(cells) > 1 else ""
    if seed is None:
        return _range(cells) + over
    return f"best of seeds {_range(np.nanmin(cells, axis=1))}, median {_range(np.nanmedian(cells, axis=1))}{over}"


def _range(values: np.ndarray) -> str:
    low, high = f"{np.nanmin(values):.4g}", f"{np.nanmax(values):.4g}"
    return low if low == high else f"{low} … {high}"


def _size(path: Path) -> int:
    """Bytes of a file, which may go while a run is alive."""
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


def _again(folder: Path, there: dict[str, Any], dataset: xr.Dataset) -> str:
    command, divided, where = "python -m superposition_jax.run", _divided(there), shlex.quote(str(folder))
    if divided and (dataset["status"] != STATUS.index("missing")).all():
        return f"{command} merge={where}"
    return f"{command} resume={where}" + (f" runtime.shard=i/{divided}" if divided else "")


def _multirun(folder: Path) -> Iterator[Row]:
    """A multirun that is not finished."""
    begun = sorted(path.parent for path in folder.glob(f"{UNFINISHED}/*/jobs.json"))
    if not begun:
        return
    held = [holder for path in begun for holder in holders(path)]
    yield "status", f"a multirun: {'; '.join(map(_words, held)) or 'not finished; nobody trains here'}"
    yield "models", f"{sum(map(parts.count, begun)):,} finished"
    yield from _files(folder)
    if not any(holder.lives for holder in held):
        yield "go on", f"the same command with hydra.sweep.dir={shlex.quote(str(folder))}"


def _runs(folder: Path) -> Iterator[Row]:
    """The runs below a folder, a row each."""
    for file in sorted(folder.rglob("manifest.json")):
        try:
            there = manifest.read(file.parent)
            status = "finished" if there and there["status"] == "finished" else "not finished"
        except ConfigError:
            status = "damaged"
        yield str(file.parent.relative_to(folder)), f"{status}, {_time(file)}"
