"""The files of a run or multirun in its folder: their names, which of them are somebody else's, and their removal."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from superposition_jax import files
from superposition_jax.config.rules import first_few
from superposition_jax.errors import ConfigError
from superposition_jax.storage import holders, manifest, parts

_BY_HYDRA = [".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "run.log"]
"""Files that Hydra writes into the folder of every run and job."""
_GROUPS = {"model", "data", "train", "sweep", "runtime"}
"""Keys that tell a config of this package from those of other applications."""
_FIRST = ["name", "sweep"]
"""The keys with which it begins."""
_PAGE, _TITLE = "explorer.html", b": superposition</title>"
"""A run's page to explore, and how its title ends."""


def names_of(described: dict[str, Any]) -> list[str]:
    """Names of the files that a run or multirun with this manifest has beside it when it is finished."""
    drawn = [f"figures/{name}.{kind}" for name in described["config"]["figures"] for kind in ("png", "gif")]
    return ["results.nc", "metrics.csv", _PAGE, *(["index.html"] if "jobs" in described else []), *drawn]


def refuse_foreign(folder: Path, described: dict[str, Any], earlier: dict[str, Any] | None) -> None:
    """Raise ConfigError if a run with this manifest would replace a file that an earlier manifest does not list.

    The index page of a multirun is also ours beside a multirun.yaml, which is ours by `refuse_foreign_to_hydra`.
    """
    ours = [name for name in names_of(earlier) if not _is_foreign_page(folder / name)] if earlier else []
    if (folder / "multirun.yaml").exists():
        ours.append("index.html")
    if foreign := [name for name in names_of(described) if name not in ours and os.path.lexists(folder / name)]:
        raise ConfigError(f"{folder}: has {first_few(foreign)}, which no {manifest.FILE} there lists; use another folder")


def refuse_foreign_page(file: Path) -> None:
    """Raise ConfigError if a page would replace a file that is none of this package's pages."""
    if _is_foreign_page(file):
        raise ConfigError(f"{file}: is no page of this package; move it, or give another file")


def _is_foreign_page(path: Path) -> bool:
    if path.name != _PAGE or not path.exists():
        return False
    if not path.is_file():
        return True
    with path.open("rb") as file:
        return _TITLE not in file.read(4096)


def refuse_foreign_to_hydra(folder: Path, *, multirun: bool = False) -> None:
    """Raise ConfigError if Hydra would replace files that it has written for another application, before it does.

    Of a run, or of a `multirun` with its index page.
    """
    written = ["multirun.yaml", "index.html"] if multirun else _BY_HYDRA
    config = folder / written[0]
    if _is_ours(config) if config.exists() else (folder / manifest.FILE).exists():
        return
    if foreign := [name for name in written if (folder / name).exists() and (folder / name).stat().st_size]:
        raise ConfigError(f"{folder}: has {first_few(foreign)} of another application; use another folder")


def _is_ours(file: Path) -> bool:
    """Whether Hydra has written a config of this package, or has begun to: a process may have been killed meanwhile."""
    text = file.read_text(encoding="utf-8", errors="replace")
    keys = [key for key in re.findall(r"^(\w+):", text, re.MULTILINE) if key != "hydra"]
    is_cut = not text.endswith("\n")
    return {*keys} >= _GROUPS or (is_cut and keys[:2] == _FIRST[: len(keys)])


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes have left of files that they were writing: only names that a run's files have."""
    described = manifest.read(folder) or {"config": {"figures": []}}
    for path in (folder / name for name in [*names_of(described), manifest.FILE]):
        for file in files.named(path.parent, re.escape(path.name)):
            if file != path:
                file.unlink(missing_ok=True)


def refuse_training(folder: Path, described: dict[str, Any], our_shard: str | None = None) -> None:
    """Raise ConfigError if other processes train what `remove` would remove; `our_shard` names the one whose lock is ours."""
    holders.refuse_training(folder, our_shard)
    for job in _jobs(folder, described):
        holders.refuse_training(job)


def remove(folder: Path, described: dict[str, Any]) -> None:
    """Remove what a manifest lists: jobs and their folders, parts, states, files, and the manifest last."""
    for job in _jobs(folder, described):
        if earlier := manifest.read(job):
            remove(job, earlier)
        _remove_files(job, reversed(_BY_HYDRA))  # the config last, which says whose they are
        files.remove_folder(job)
    parts.remove(folder)
    files.remove(folder / "state", holders.SHARD + holders.STATE)
    _remove_files(folder, [*names_of(described), manifest.FILE])


def _jobs(folder: Path, described: dict[str, Any]) -> Iterator[Path]:
    """The folders of a multirun's jobs, those that are below its own."""
    for name in described.get("folders", map(str, range(described.get("jobs", 0)))):
        if folder.resolve() in (folder / name).resolve().parents:
            yield folder / name


def _remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files by their names in a folder, and folders below it that are empty then."""
    for path in (folder / name for name in names if not _is_foreign_page(folder / name)):
        files.remove(path.parent, re.escape(path.name))
        if path.parent != folder:
            files.remove_folder(path.parent)
