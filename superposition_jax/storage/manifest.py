"""What a run's folder says of itself: manifest.json, and what parts and Datasets remember of an experiment."""

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from superposition_jax import version
from superposition_jax.config.compose import flatten
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.files import whole
from superposition_jax.results import assemble, netcdf, select, status
from superposition_jax.storage.parts import Parts, RunIdentity, differences
from superposition_jax.sweep import Axis, Grid

PACKAGES = ("jax", "jaxlib", "optax", "flax", "numpy", "xarray", "hydra-core")


def attributes(experiment: RunConfig) -> dict[str, str]:
    """What a Dataset remembers of its experiment."""
    return _attributes(experiment.config, version.__version__)


def _attributes(config: dict[str, Any], version: str) -> dict[str, str]:
    return {"name": config["name"], "config": json.dumps(config), "superposition_jax": version}


def about(experiment: RunConfig) -> RunIdentity:
    """What parts say of an experiment."""
    identity = _identity(experiment.config, versions())
    return RunIdentity(json.loads(json.dumps(identity)), experiment.shard or "0/1")


def begin_all(experiments: Sequence[RunConfig], folder: Path) -> RunIdentity:
    """What parts say of experiments that are trained together, which are kept in a folder to compare with.

    Raises:
      ConfigError: if others were begun there, with the difference.
    """
    ours, path = [about(experiment).config for experiment in experiments], folder / "jobs.json"
    if path.exists():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        changed = [differences(*pair) for pair in zip(theirs, ours, strict=False) if pair[0] != pair[1]]
        changed += [f"{len(theirs)} jobs there, {len(ours)} here"] if len(theirs) != len(ours) else []
        if changed:
            raise ConfigError(f"{folder.parents[1]}: has another multirun, unfinished: {changed[0]}; use another folder")
    folder.mkdir(parents=True, exist_ok=True)
    whole(path, lambda file: file.write_text(json.dumps(ours), encoding="utf-8"))
    return RunIdentity({"jobs": hashlib.sha256(json.dumps(ours).encode()).hexdigest()})


def _identity(config: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    """All that results depend on: where they are made does not count, but for the versions of what computes."""
    leaves = flatten({key: value for key, value in config.items() if key != "runtime"})
    return dict(leaves) | {
        f"version of {name}": versions[name] for name in ("superposition_jax", "source", "jax", "jaxlib", "optax")
    }


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of all packages that results depend on, and a digest of this one's source."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    own = {
        "superposition_jax": version.__version__,
        "source": version.digest(version.TRAINING),
        "experiments": version.digest(version.TABLES),
    }
    return {**own, "python": platform.python_version(), **packages}


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder; None if there is none."""
    path = folder / "manifest.json"
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        parts = {key: there[key] for key in ("config", "versions")}
        if not isinstance(there["status"], str) or not isinstance(parts["config"]["runtime"], dict):
            raise TypeError
        _identity(**parts)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: is damaged; delete it, or use another folder") from error
    return there


def refuse_other_run(experiment: RunConfig, folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder, if there is one and it is not to be overwritten.

    Raises:
      ConfigError: if it is another run's, with the difference.
    """
    there = None if experiment.overwrite else read(folder)
    if there:
        if "jobs" in there:
            raise ConfigError(f"{folder}: has a multirun; use another folder")
        theirs = _identity(there["config"], there["versions"])
        if changed := differences(theirs, about(experiment).config):
            raise ConfigError(f"{folder}: has another run: {changed}; use another folder, or runtime.overwrite=true")
    return there


def begin(experiment: RunConfig, folder: Path) -> bool:
    """Make a folder this experiment's, or see that it is; returns whether all is done there. For who holds its lock.

    Raises:
      ConfigError: like `check`, or if the results there are damaged.
    """
    there, file = refuse_other_run(experiment, folder), folder / "results.nc"
    if experiment.overwrite:
        for old in (*folder.glob("parts/*.npz"), *folder.glob("state/*.npz"), file):
            old.unlink(missing_ok=True)
    if there and there["status"] == "finished" and file.is_file():
        if digest(file) != there.get("sha256"):
            raise ConfigError(f"{file}: is damaged; runtime.overwrite=true trains it again")
        return True
    if there and there["status"] != "finished":
        return False
    folder.mkdir(parents=True, exist_ok=True)
    write({"status": "running", **_described(experiment), "versions": versions()}, folder)
    return False


def _described(experiment: RunConfig) -> dict[str, Any]:
    axes = {axis.name: {"path": axis.path, "values": axis.values, "dim": axis.dim} for axis in experiment.grid.axes}
    return {"config": experiment.config, "axes": axes}


def grid_of(manifest: dict[str, Any]) -> Grid:
    """The sweep of a run."""
    axes = manifest["axes"].items()
    return Grid(tuple(Axis(name, axis["path"], tuple(axis["values"]), axis["dim"]) for name, axis in axes))


def load(folder: Path) -> xr.Dataset:
    """The Dataset of a run; of an unfinished one what is finished, other models with the status missing.

    Raises:
      FileNotFoundError: if there is no run.
    """
    there = read(folder)
    if there is None or there["status"] == "finished":
        return netcdf.load(folder)
    run = RunIdentity(json.loads(json.dumps(_identity(there["config"], there["versions"]))))
    dataset = assemble.assemble(grid_of(there), [*Parts(folder, run, every=True).all()])
    version = there["versions"]["superposition_jax"]
    return dataset.assign_attrs(_attributes(there["config"], version))


def write(manifest: dict[str, Any], folder: Path) -> Path:
    """manifest.json in a folder."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    return whole(folder / "manifest.json", lambda path: path.write_text(text + "\n", encoding="utf-8"))


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def finished(experiment: RunConfig, dataset: xr.Dataset, seconds: dict[str, float], file: Path) -> dict[str, Any]:
    """All that is needed to know what was run, and to run it again."""
    return {
        "status": "finished",
        "sha256": digest(file),
        **_described(experiment),
        "seeds": sorted({int(seed) for group in experiment.groups for seed in set(group.seeds.tolist())}),
        "groups": [{"spec": vars(group.spec), "models": len(group.points)} for group in experiment.groups],
        "diverged": status.diverged(dataset),
        "findings": select.findings(dataset),
        "seconds": seconds,
        "versions": versions(),
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
    }
