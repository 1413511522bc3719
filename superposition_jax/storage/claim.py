"""Whose a folder is: a run or multirun begins in no other one's folder, and replaces or removes only what a manifest lists."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from superposition_jax import files
from superposition_jax.config.rules import first_few
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.storage import identity, manifest, parts
from superposition_jax.storage.identity import RunIdentity

UNFINISHED = "unfinished"
"""Folder of a multirun's models that are trained and not yet saved as jobs' results: a folder with jobs.json for each batch."""
_BY_HYDRA = [".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "run.log"]
"""Files that Hydra writes into the folder of every job."""


def refuse_other_run(config: RunConfig, folder: Path) -> dict[str, Any] | None:
    """The manifest in a folder, if there is one. Raises ConfigError if it is another run's that is not to be overwritten.

    Also if a file would be replaced that no manifest lists.
    """
    earlier = manifest.read(folder)
    _refuse_foreign(folder, {"config": config.composed}, earlier)
    if earlier and not config.overwrite:
        if "jobs" in earlier:
            raise ConfigError(f"{folder}: has a multirun; use another folder")
        theirs = identity.decisive(earlier["config"], earlier["versions"])
        if changed := identity.differences(theirs, identity.of_config(config).config):
            raise ConfigError(f"{folder}: has another run: {changed}; use another folder, or runtime.overwrite=true")
    return earlier


def prepare_folder(config: RunConfig, folder: Path) -> bool:
    """Make a folder this run's; returns whether the run is finished there. The caller holds the folder's lock.

    Raises ConfigError like `refuse_other_run`, and if the results there are damaged.
    """
    earlier, file = refuse_other_run(config, folder), folder / "results.nc"
    if earlier and config.overwrite:
        _remove_outputs(folder, earlier)
        earlier = None
    if earlier and earlier["status"] == "finished" and file.is_file():
        if not manifest.has_digest(file, earlier):
            raise ConfigError(f"{file}: is damaged; runtime.overwrite=true trains it again")
        return True
    if not earlier or earlier["status"] == "finished":
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write(manifest.of_begun(config), folder)
    return False


def refuse_finished_multirun(folder: Path, *, overwrite: bool) -> None:
    """Raise ConfigError if a multirun would replace results, unless it is to overwrite them or an unfinished one is there."""
    if not overwrite and manifest.read(folder) and not batches(folder):
        remove_empty_batches(folder)
        raise ConfigError(f"{folder}: has results; use another folder, or runtime.overwrite=true")


def prepare_multirun(configs: Sequence[RunConfig], batch: Path, jobs: Sequence[Path] = ()) -> RunIdentity:
    """Make a multirun's folder, and those of its `jobs`, theirs; returns the jobs' identity.

    What they depend on is written into `batch`, a folder for what they have finished. Raises ConfigError for
    other jobs, and if results would be replaced that are not to be overwritten.
    """
    ours, file, folder = [identity.of_config(config).config for config in configs], batch / "jobs.json", batch.parents[1]
    names = [os.path.relpath(job, folder) for job in jobs]
    listed: dict[str, Any] = {"jobs": [], "folders": []}
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
        listed = content if isinstance(content, dict) else {"jobs": content, "folders": names}  # a list in earlier versions
        theirs = listed["jobs"]
        changed = [identity.differences(*pair) for pair in zip(theirs, ours, strict=False) if pair[0] != pair[1]]
        changed += [f"{len(theirs)} jobs there, {len(ours)} here"] if len(theirs) != len(ours) else []
        if changed:
            raise ConfigError(f"{folder}: has another multirun, unfinished: {changed[0]}; use another folder")
    new = [(name, config) for name, config in zip(names, configs, strict=False) if name not in listed["folders"]]
    if not batches(folder):
        new.insert(0, (".", configs[0]))
    earlier = {name: manifest.read(folder / name) for name, _ in new}
    for name, config in new:
        refuse_finished_multirun(folder / name, overwrite=config.overwrite)
        _refuse_foreign(folder / name, {"config": config.composed} | ({"jobs": 0} if name == "." else {}), earlier[name])
    for name, there in earlier.items():
        if there:
            _remove_outputs(folder / name, there)
    batch.mkdir(parents=True, exist_ok=True)
    content = {"jobs": ours, "folders": names}
    files.whole(file, lambda path: path.write_text(json.dumps(content), encoding="utf-8"))
    return RunIdentity({"jobs": hashlib.sha256(json.dumps(ours).encode()).hexdigest()})


def is_begun(folder: Path) -> bool:
    """Whether a folder says of which run or multirun it is, so that its parts can be used."""
    return any((folder / name).exists() for name in (manifest.FILE, "jobs.json"))


def batches(folder: Path) -> list[Path]:
    """Folders of the batches of jobs of an unfinished multirun."""
    return sorted(path.parent for path in folder.glob(f"{UNFINISHED}/*/jobs.json"))


def remove_empty_batches(folder: Path) -> None:
    """Remove the folders of a multirun's batches, once nothing is in them."""
    for path in [*folder.glob(f"{UNFINISHED}/[0-9]*_[0-9]*"), folder / UNFINISHED]:
        files.remove_folder(path)


def outputs(described: dict[str, Any]) -> list[str]:
    """Names of the files that a run or multirun with this manifest has beside it when it is finished."""
    drawn = [f"figures/{name}.{kind}" for name in described["config"]["figures"] for kind in ("png", "gif")]
    return ["results.nc", "metrics.csv", "explorer.html", *(["index.html"] if "jobs" in described else []), *drawn]


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes have left of files that they were writing: only names that a run's files have."""
    for path in (folder / name for name in [*outputs(manifest.read(folder) or {"config": {"figures": []}}), manifest.FILE]):
        for file in files.named(path.parent, re.escape(path.name)):
            if file != path:
                file.unlink(missing_ok=True)


def _refuse_foreign(folder: Path, described: dict[str, Any], earlier: dict[str, Any] | None) -> None:
    """Raise ConfigError if a run with this manifest would replace a file that an earlier manifest does not list."""
    listed = outputs(earlier) if earlier else []
    if foreign := [name for name in outputs(described) if name not in listed and os.path.lexists(folder / name)]:
        raise ConfigError(f"{folder}: has {first_few(foreign)}, which no {manifest.FILE} there lists; use another folder")


def _remove_outputs(folder: Path, described: dict[str, Any]) -> None:
    """Remove what a manifest lists: jobs and their folders, parts, states, files, and the manifest last."""
    for job in _jobs(folder, described):
        if earlier := manifest.read(job):
            _remove_outputs(job, earlier)
        _remove(job, _BY_HYDRA)
        files.remove_folder(job)
    parts.remove(folder)
    files.remove(folder / "state", r"\d+-of-\d+_[0-9a-f]{16}\.npz")
    _remove(folder, [*outputs(described), manifest.FILE])


def _jobs(folder: Path, described: dict[str, Any]) -> Iterator[Path]:
    """The folders of a multirun's jobs, those that are below its own."""
    for name in described.get("folders", map(str, range(described.get("jobs", 0)))):
        if folder.resolve() in (folder / str(name)).resolve().parents:
            yield folder / str(name)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for path in (folder / name for name in names):
        files.remove(path.parent, re.escape(path.name))
        if path.parent != folder:
            files.remove_folder(path.parent)
