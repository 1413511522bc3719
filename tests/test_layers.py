"""The architecture, as imports: arrows point one way."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "superposition_jax"
NUMERIC = (
    "types",
    "prng",
    "sets",
    "data",
    "targets",
    "model",
    "attack",
    "objective",
    "optimizer",
    "train",
    "spectrum",
    "geometry",
    "interference",
    "packing",
    "recovery",
    "evaluation",
    "dictionary",
    "simulation",
    "representation",
    "tuning",
    "population",
)
ORDER = [
    *(
        "errors",
        "signals",
        "files",
        "types",
        "prng",
        "sets",
        "data",
        "targets",
        "model",
        "attack",
        "objective",
        "optimizer",
        "train",
        "spectrum",
        "geometry",
        "interference",
        "packing",
        "recovery",
        "evaluation",
        "representation",
        "tuning",
        "cache",
        "processes",
    ),
    *(
        "theory",
        "bounds",
        "candidates",
        "solids",
        "dictionary",
        "simulation",
        "population",
        "sweep",
        "memory",
        "rectangle",
        "engine",
        "results",
        "parts",
        "store",
        "labels",
        "trackers",
        "tables",
        "consistency",
    ),
    *(
        "progress",
        "figures",
        "compose",
        "schema",
        "axes",
        "static",
        "needs",
        "config",
        "batch",
        "manifest",
        "explorer",
        "pipeline",
        "shards",
        "index",
        "joint",
        "multirun",
        "inventory",
        "catalogue",
        "launcher",
        "commands",
        "completion",
        "run",
    ),
]
"""A module imports only what stands before it."""


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "superposition_jax":
                yield from (f"superposition_jax.{alias.name}" for alias in node.names)


def modules():
    return [path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE]


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    own = [name.split(".")[1] for name in imports(path) if name.startswith("superposition_jax.") and name.count(".")]
    place = ORDER.index(room(path))
    assert all(ORDER.index(other) <= place for other in own), own


def test_numeric_modules_know_neither_hydra_nor_files_nor_pictures():
    for name in NUMERIC:
        roots = {imported.split(".")[0] for imported in imports(PACKAGE / f"{name}.py")}
        assert not roots & {"hydra", "omegaconf", "xarray", "matplotlib", "rich", "h5py", "pathlib"}, name


def test_hydra_stays_at_the_door():
    users = {room(path) for path in modules() if {i.split(".")[0] for i in imports(path)} & {"hydra", "omegaconf"}}
    assert users == {"commands", "compose", "index", "launcher", "run"}


def test_only_population_maps_models_and_compiles():
    words = ("jax.jit(", "jax.vmap(", "shard_map(", "donate_arg")
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert room(path) == "population" or not [word for word in words if word in text], path.name


def test_files_stay_readable():
    lengths = {path.relative_to(PACKAGE): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert max(lengths.values()) <= 300, lengths
