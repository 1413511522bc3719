"""manifest.json, in which a run's folder says what was run, with which versions, and whether it is finished."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import xarray as xr

from superposition_jax import version
from superposition_jax.config import recipe
from superposition_jax.config.axes import unchecked
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.files import whole
from superposition_jax.results import assemble, netcdf, select, status
from superposition_jax.storage import identity, part_file
from superposition_jax.storage.identity import RunIdentity
from superposition_jax.storage.parts import Parts
from superposition_jax.sweep import Grid

FILE = "manifest.json"


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder; None if there is none. Raises ConfigError if it is damaged, or no folder can have the name."""
    path = folder / FILE
    if any(len(os.fsencode(name)) > 255 for name in path.parts):
        raise ConfigError(f"{folder}: has a name of more than 255 bytes")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest["status"], str) or not isinstance(manifest["config"]["runtime"], dict):
            raise TypeError
        if not all(re.fullmatch(r"[^/\\]+", name) for name in manifest["config"]["figures"]):
            raise ValueError
        if not isinstance(manifest.get("jobs", 0), int) or not are_names(manifest.get("folders", [])):
            raise TypeError
        if not isinstance(manifest.get("failed", {}), dict):
            raise TypeError
        identity.decisive(manifest["config"], manifest["versions"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (IsADirectoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path) from error
    return manifest


def _damaged(file: Path) -> ConfigError:
    return ConfigError(f"{file}: is damaged; delete it, or use another folder")


def are_names(folders: Any) -> bool:
    """Whether something read from a file can be the folders of jobs: a list of text."""
    return isinstance(folders, list) and all(isinstance(name, str) and "\0" not in name for name in folders)


def write(manifest: dict[str, Any], folder: Path) -> Path:
    """Write manifest.json into a folder; returns the file."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, default=str)
    return whole(folder / FILE, lambda path: path.write_text(text + "\n", encoding="utf-8"))


def of_begun(config: RunConfig) -> dict[str, Any]:
    """The manifest of a run that is not finished."""
    return {"status": "running", **_config_and_axes(config), "versions": identity.versions()}


def of_finished(config: RunConfig, dataset: xr.Dataset, seconds: dict[str, float], file: Path) -> dict[str, Any]:
    """The manifest of a finished run: all that is needed to know what was run, and to run it again."""
    return {
        "status": "finished",
        "sha256": part_file.sha256(file),
        **_config_and_axes(config),
        "seeds": sorted({int(seed) for group in config.groups for seed in set(group.seeds.tolist())}),
        "groups": [{"spec": vars(group.spec), "models": len(group.points)} for group in config.groups],
        "diverged": status.diverged(dataset),
        "findings": select.findings(dataset),
        "seconds": seconds,
        "versions": identity.versions(),
        "devices": [f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()],
    }


def _config_and_axes(config: RunConfig) -> dict[str, Any]:
    axes = {axis.name: {"path": axis.path, "values": axis.values, "dim": axis.dim} for axis in config.grid.axes}
    return {"config": config.composed, "recipe": recipe.used(config.grid, config.groups), "axes": axes}


def has_digest(file: Path, manifest: dict[str, Any]) -> bool:
    """Whether a file has the digest of results.nc in a manifest, if that has one."""
    return "sha256" not in manifest or part_file.sha256(file) == manifest["sha256"]


def load_dataset(path: Path, names: Sequence[str] | None = None) -> xr.Dataset:
    """The Dataset of a run from its folder or results.nc, all of it or some variables; of an unfinished run what is finished.

    Raises:
      FileNotFoundError: without a run.
      ConfigError: if its manifest.json is damaged.
      OSError: if its results.nc is damaged by the digest with which it ends or, by that in the manifest, another run's.
    """
    folder = path if path.is_dir() else path.parent
    manifest = read(folder)
    if manifest is None or manifest["status"] == "finished" or not path.is_dir():
        file = netcdf.file_of(path)
        is_listed = manifest is not None and "sha256" in manifest and file.name == "results.nc"
        if is_listed and not has_digest(file, manifest):
            raise OSError(f"{file}: is damaged, or another run's: its digest is not the one in manifest.json")
        return netcdf.load(file, names, is_whole=is_listed)
    composed, versions = manifest["config"], manifest["versions"]
    try:
        axes = [unchecked(name, axis) for name, axis in (composed["sweep"]["axes"] or {}).items() if axis is not None]
        grid = Grid(tuple(axes), tuple(composed["model"]["init"].get("scales") or ()))
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder / FILE) from error
    parts = Parts(folder, RunIdentity(identity.decisive(composed, versions)), all_shards=True)
    dataset = assemble.assemble(grid, [*map(part_file.read, parts.files)])
    return dataset.assign_attrs(dataset_attributes(composed, manifest.get("recipe", {}), versions["superposition_jax"]))


def dataset_attributes(composed: dict[str, Any], used: dict[str, Any], package: str = version.__version__) -> dict[str, str]:
    """The attributes by which a Dataset says of which run it is.

    `used` is what `recipe.used` says of its models, `package` the version that trained it.
    """
    return {"name": composed["name"], "config": json.dumps(composed), "recipe": json.dumps(used), "superposition_jax": package}
