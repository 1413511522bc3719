"""Whose a folder is: a run or multirun begins in no other one's folder, and replaces or removes only what a manifest lists."""

import hashlib
import json
import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from superposition_jax import files
from superposition_jax.config.run_config import RunConfig
from superposition_jax.errors import ConfigError
from superposition_jax.storage import identity, manifest, outputs
from superposition_jax.storage.identity import RunIdentity

UNFINISHED = "unfinished"
"""Folder of a multirun's models that are trained and not yet saved as jobs' results: a folder with jobs.json for each batch."""


def refuse_other_run(config: RunConfig, folder: Path, our_shard: str | None = None) -> dict[str, Any] | None:
    """The manifest in a folder, if there is one. Raises ConfigError if it is another run's that is not to be overwritten.

    Also if a file would be replaced that no manifest lists, and if a process trains what would be overwritten; `our_shard`
    names the one whose lock this process has.
    """
    earlier = manifest.read(folder)
    outputs.refuse_foreign(folder, {"config": config.composed}, earlier)
    if earlier and config.overwrite:
        outputs.refuse_training(folder, earlier, our_shard)
    elif earlier:
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
    earlier = refuse_other_run(config, folder, identity.of_config(config).name)
    if earlier and config.overwrite:
        outputs.remove(folder, earlier)
        earlier = None
    if earlier and has_results(folder, earlier):
        return True
    if not earlier or earlier["status"] == "finished":
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write(manifest.of_begun(config), folder)
    return False


def has_results(folder: Path, earlier: dict[str, Any]) -> bool:
    """Whether a folder has the results of its manifest, a finished one; raises ConfigError if they are damaged."""
    file = folder / "results.nc"
    if earlier["status"] != "finished" or not file.is_file():
        return False
    if not manifest.has_digest(file, earlier):
        raise ConfigError(f"{file}: is damaged; runtime.overwrite=true trains it again")
    return True


def is_finished_multirun(folder: Path, jobs: Mapping[Path, RunConfig], number: int, failed: Container[Path] = ()) -> bool:
    """Whether a multirun of `number` jobs, of which `jobs` can be trained, is finished; raises ConfigError if it is damaged.

    Jobs in `failed` need no results.
    """
    root = manifest.read(folder)
    if batches(folder) or any(config.overwrite for config in jobs.values()):
        return False
    if not (root.get("jobs") == number if root else (folder / "index.html").is_file()):
        return False
    for job, config in jobs.items():
        earlier = manifest.read(job)
        if earlier is None and job in failed:
            continue
        if not earlier or identity.decisive(earlier["config"], earlier["versions"]) != identity.of_config(config).config:
            return False
        if not has_results(job, earlier):
            return False
    return root is None or has_results(folder, root)


def refuse_to_replace(folder: Path, earlier: dict[str, Any] | None, *, overwrite: bool) -> None:
    """Raise ConfigError if a multirun would replace the run of a manifest that it is not to overwrite, or that still trains."""
    if earlier and not overwrite:
        raise ConfigError(f"{folder}: has results; use another folder, or runtime.overwrite=true")
    if earlier:
        outputs.refuse_training(folder, earlier)


def refuse_other_runs(folder: Path, jobs: Mapping[Path, RunConfig]) -> None:
    """Raise ConfigError if a multirun's folder, or one of its jobs', has another run or files that no manifest lists."""
    for path, config in _not_begun(folder, jobs).items():
        earlier = manifest.read(path)
        refuse_to_replace(path, earlier, overwrite=config.overwrite)
        described = {"config": config.composed} | ({"jobs": 0} if path == folder else {})
        outputs.refuse_foreign(path, described, earlier)


def _not_begun(folder: Path, jobs: Mapping[Path, RunConfig]) -> dict[Path, RunConfig]:
    """The folders of a multirun and of its jobs that are not theirs yet, with a config each."""
    begun = [_jobs_of(batch, [os.path.relpath(job, folder) for job in jobs]) for batch in batches(folder)]
    listed = {name for batch in begun for name in batch["folders"]}
    new = {job: config for job, config in jobs.items() if os.path.relpath(job, folder) not in listed}
    return new if begun else {folder: next(iter(jobs.values())), **new}


def prepare_multirun(jobs: Mapping[Path, RunConfig], batch: Path) -> RunIdentity:
    """Make a multirun's folder, and those of its jobs, theirs; returns the jobs' identity.

    What they depend on is written into `batch`, a folder for what they have finished. Raises ConfigError for
    other jobs, and like `refuse_other_runs`.
    """
    ours, folder = [identity.of_config(config).config for config in jobs.values()], batch.parents[1]
    names = [os.path.relpath(job, folder) for job in jobs]
    if (batch / "jobs.json").exists():
        theirs = _jobs_of(batch, names)["jobs"]
        changed = [identity.differences(*pair) for pair in zip(theirs, ours, strict=False) if pair[0] != pair[1]]
        changed += [f"{len(theirs)} jobs there, {len(ours)} here"] if len(theirs) != len(ours) else []
        if changed:
            raise ConfigError(f"{folder}: has another multirun, unfinished: {changed[0]}; use another folder")
    refuse_other_runs(folder, jobs)
    for path in _not_begun(folder, jobs):
        if earlier := manifest.read(path):
            outputs.remove(path, earlier)
    batch.mkdir(parents=True, exist_ok=True)
    content = {"jobs": ours, "folders": names}
    files.whole(batch / "jobs.json", lambda path: path.write_text(json.dumps(content), encoding="utf-8"))
    return RunIdentity({"jobs": hashlib.sha256(json.dumps(ours).encode()).hexdigest()})


def _jobs_of(batch: Path, names: list[str]) -> dict[str, Any]:
    """The jobs of a batch and their folders, `names` where an earlier version has only listed jobs. Raises ConfigError."""
    file = batch / "jobs.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        content = content if isinstance(content, dict) else {"jobs": content, "folders": names}
        if not all(isinstance(job, dict) for job in content["jobs"]) or not manifest.are_names(content["folders"]):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{file}: is damaged; delete it, or use another folder") from error
    return content


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
