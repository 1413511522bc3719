"""The file of one part: a .npz whose name ends with a digest of its content. Reading it executes nothing."""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from superposition_jax.files import whole
from superposition_jax.results.assemble import Part
from superposition_jax.storage.identity import RunIdentity


def save(folder: Path, name: str, arrays: dict[str, np.ndarray]) -> Path:
    """Write arrays into a file of a name that ends with the digest of its content."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()[:16]
    return whole(folder / f"{name}_{digest}.npz", lambda path: path.write_bytes(content.getbuffer()))


def sha256(file: Path) -> str:
    """SHA-256 of a file."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def is_damaged(path: Path) -> bool:
    """Whether a file is not what `save` wrote."""
    return sha256(path)[:16] != path.stem.rpartition("_")[2]


def write(folder: Path, run: RunIdentity, part: Part) -> None:
    """Save a part of a run."""
    header = json.dumps({"run": run._asdict(), "arrays": [*part.arrays]}).encode()
    arrays = {"header": np.frombuffer(header, np.uint8), "points": part.points}
    arrays |= {f"array_{number}": values for number, values in enumerate(part.arrays.values())}
    arrays |= {f"steps_{dim}": values for dim, values in part.steps.items()}
    save(folder, f"{run.name}_{part.points.min():09d}_{len(part.points)}", arrays)


def read(path: Path) -> Part:
    """A part that is not damaged."""
    with np.load(path, allow_pickle=False) as file:
        names = json.loads(file["header"].tobytes())["arrays"]
        arrays = {name: file[f"array_{number}"] for number, name in enumerate(names)}
        steps = {name.removeprefix("steps_"): file[name] for name in file if name.startswith("steps_")}
        return Part(file["points"], arrays, steps)


def config_and_points(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    """The config of a part's run, and its points; raises ValueError if the file is not what was written."""
    if is_damaged(path):
        raise ValueError(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in file:
                file[name]  # which refuses what would have to be executed
            return json.loads(file["header"].tobytes())["run"]["config"], file["points"]
    except (KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(path) from error
