"""Compiled programs on disk: the same results without tracing, and nothing wrong from a damaged or foreign file."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache
from shell import run

from superposition_jax.core import targets
from superposition_jax.engine import population, program_cache
from superposition_jax.engine import trainer as engine
from superposition_jax.sweep import Group
from superposition_jax.types import Spec

SPEC = Spec(n_features=4, n_hidden=2, batch_size=16, steps=10, curve_points=4)


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def train(numbers, spec=SPEC, devices=2, keep=True):
    group = Group(spec, numbers(spec, 6), np.arange(6), np.arange(6))
    (results,) = engine.Trainer([group], devices=devices, chunk=None, keep=keep).train(lambda report: None)
    return results


@pytest.fixture
def compilations(monkeypatch):
    """Specs that are compiled, as they are."""
    compiled, original = [], population._compile_all

    def counted(spec, *arguments, **options):
        compiled.append(spec)
        return original(spec, *arguments, **options)

    monkeypatch.setattr(population, "_compile_all", counted)
    return compiled


def test_the_second_run_compiles_nothing_and_finds_the_same(numbers, compilations):
    first, second = train(numbers), train(numbers)
    assert compilations == [SPEC]
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value)


def test_other_arguments_are_other_programs(numbers, compilations):
    train(numbers)
    train(numbers, spec=replace(SPEC, steps=11))
    train(numbers, devices=1)
    assert len(compilations) == len(list(program_cache.folder().iterdir())) == 3


def test_programs_of_another_cache_are_not_kept(numbers, tmp_path):
    """What JAX's own cache has returned, when saved again, ends in "Function … not found"."""
    train(numbers)
    assert len(list(program_cache.folder().iterdir())) == 1
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "of JAX"))
    try:
        train(numbers, spec=replace(SPEC, steps=11))
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
        reset_cache()
    assert len(list(program_cache.folder().iterdir())) == 1


@pytest.mark.parametrize("damage", [lambda whole: whole[:-100], lambda whole: whole[:50] + b"?" + whole[51:], lambda whole: b""])
def test_a_damaged_file_is_compiled_anew(numbers, compilations, damage):
    first = train(numbers)
    (file,) = program_cache.folder().iterdir()
    file.write_bytes(damage(file.read_bytes()))
    np.testing.assert_array_equal(train(numbers)["W"], first["W"])
    train(numbers)
    assert len(compilations) == 2


@pytest.mark.slow
def test_a_new_process_can_use_programs_of_orthogonal_starts(tmp_path):
    """It used to end by a segmentation fault, when they called LAPACK."""
    for _ in range(2):
        run("model.init.kind=orthogonal", "train.steps=1", "figures=[]", cwd=tmp_path, status=0)
    assert len(list(program_cache.folder().iterdir())) == 1


def test_only_the_latest_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(program_cache, "_MOST_FILES", 2)
    for number in range(4):
        program_cache.save(program_cache.folder() / f"{number}", {})
    assert len(list(program_cache.folder().iterdir())) == 2


def test_programs_with_a_function_of_the_users_are_not_kept(numbers, monkeypatch):
    """Whenever it was registered, also before anything has been compiled."""
    monkeypatch.setitem(targets.TARGETS, "half", targets.Target(lambda x: x / 2))
    train(numbers, spec=replace(SPEC, target="half"))
    assert not program_cache.folder().exists()


def test_without_a_place_to_keep_them_programs_are_not_kept(numbers, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("not a folder")
    train(numbers)
    train(numbers, keep=False)
    assert (tmp_path / "file").read_text() == "not a folder"
