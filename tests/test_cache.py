"""Compiled programs on disk: the same results without tracing, and nothing wrong from a damaged or foreign file."""

import os
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache
from shell import run

from superposition_jax.core import targets
from superposition_jax.engine import population, program_cache
from superposition_jax.engine import trainer as engine
from superposition_jax.engine.segments import ProgramsIgnored
from superposition_jax.sweep import Group
from superposition_jax.types import Spec

SPEC = Spec(n_features=4, n_hidden=2, batch_size=16, steps=10, curve_points=4)


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def train(numbers, spec=SPEC, devices=2, keep=True, report=lambda report: None):
    group = Group(spec, numbers(spec, 6), np.arange(6), np.arange(6))
    (results,) = engine.Trainer([group], devices=devices, chunk=None, keep=keep).train(report)
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
        program_cache.save(program_cache.folder() / f"{number:064}", {})
        (program_cache.folder() / "data of a user").touch()
    assert len(list(program_cache.folder().iterdir())) == 2 + 1


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


@pytest.fixture
def file():
    """A file that has no programs."""
    file = program_cache.folder() / ("0" * 64)
    program_cache.save(file, {})
    assert program_cache.load(file, []) == {}
    return file


def test_what_is_kept_is_the_users_alone(file):
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


OTHERS = {
    "others can write it": lambda path: path.chmod(path.stat().st_mode | 0o020),
    "belongs to user 1000000": lambda path: os.chown(path, 1_000_000, -1),
}


@pytest.mark.parametrize("why", OTHERS)
@pytest.mark.parametrize("of_folder", [True, False])
def test_what_others_can_write_is_not_executed(file, why, of_folder):
    """A file is replaced, and a folder left alone."""
    if why.startswith("belongs") and os.geteuid():
        pytest.skip("only root can give files away")
    path = file.parent if of_folder else file
    OTHERS[why](path)
    with pytest.raises(program_cache.Untrusted, match=f"^{path}: {why}"):
        program_cache.load(file, [])
    before = file.stat().st_ino
    program_cache.save(file, {})
    assert (file.stat().st_ino == before) == of_folder


def test_programs_that_others_can_write_are_compiled_anew_with_a_word(numbers, compilations):
    train(numbers)
    (file,), reports = program_cache.folder().iterdir(), []
    file.chmod(0o666)
    train(numbers, report=reports.append)
    assert compilations == [SPEC] * 2
    assert ProgramsIgnored(0, f"{file}: others can write it (chmod go-w)") in reports


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda file: file.symlink_to("/dev/zero")])
def test_what_is_no_file_does_not_hang(file, make):
    file.unlink()
    make(file)
    assert program_cache.load(file, []) is None


def test_a_place_to_keep_programs_is_absolute(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("HOME", "/home/of/mine")
    assert program_cache.folder() == Path("/home/of/mine/.cache/superposition_jax")
    monkeypatch.setenv("HOME", "home")
    assert program_cache.folder() is None
    assert program_cache.file_of([]) is None
