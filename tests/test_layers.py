"""The architecture, as imports: arrows point one way, `__init__` included."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "superposition_jax"
ORDER = [
    *("errors", "version", "files", "types", "sweep", "core", "theory", "engine", "results", "experiments"),
    *("config", "storage", "explorer", "command", "extend", "run", "__init__"),
]
"""Files and folders of the package: each imports only what stands before it."""
NUMERIC = ("types", "core", "theory", "engine", "sweep")
FILES = [*PACKAGE.rglob("*.py")]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "superposition_jax":
            yield from (f"superposition_jax.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_every_file_and_folder_has_a_place():
    assert {*ORDER} == {room(path) for path in FILES}
    assert len(ORDER) <= 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path):
    names = [name for name in imports(path) if name.split(".")[0] == "superposition_jax"]
    assert "superposition_jax" not in names, "the package itself is above all of its parts"
    rooms = {name.split(".")[1] for name in names}
    assert all(ORDER.index(other) <= ORDER.index(room(path)) for other in rooms), rooms


def test_numbers_know_neither_hydra_nor_pictures():
    for path in FILES:
        roots = {name.split(".")[0] for name in imports(path)}
        assert room(path) not in NUMERIC or not roots & {"hydra", "omegaconf", "xarray", "matplotlib", "rich", "h5py"}, path


def test_hydra_stays_at_the_door():
    users = {room(path) for path in FILES if {name.split(".")[0] for name in imports(path)} & {"hydra", "omegaconf"}}
    assert users == {"config", "command", "run"}


def test_only_population_maps_models_and_compiles():
    words = ("jax.jit(", "jax.vmap(", "shard_map(", "donate_arg")
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert path.name == "population.py" or not [word for word in words if word in text], path


def test_files_stay_readable():
    lengths = {path.relative_to(PACKAGE): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert max(lengths.values()) <= 250, lengths
