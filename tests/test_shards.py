"""Sweeps divided among processes: together the shards have what one process has, and what is wrong or missing is named."""

import hashlib
import io
import signal
import time

import numpy as np
import pytest
from shell import run, start
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax.command import shards
from superposition_jax.errors import ConfigError
from superposition_jax.storage import identity
from superposition_jax.storage.checkpoint import RunStore

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=4", "train.steps=30", "model.n_features=5", "figures=[]", "runtime.chunk=4"]
SWEEP += ["+sweep.axes.m={path: model.n_hidden, values: [2, 3]}"]


@pytest.fixture(scope="module")
def whole():
    return superposition_jax.run(SWEEP)


@pytest.fixture
def folder(tmp_path):
    """Two of three shards."""
    for index in (0, 2):
        superposition_jax.run([*SWEEP, f"runtime.shard={index}/3"], directory=tmp_path)
    return tmp_path


def test_shards_in_any_order_are_one_run_bit_for_bit(whole, folder):
    partial = superposition_jax.load(folder)
    there = partial["status"] == 1
    assert 0 < there.sum() < there.size
    np.testing.assert_array_equal(partial["W"].where(there), whole["W"].where(there))
    superposition_jax.run([*SWEEP, "runtime.shard=1/3"], directory=folder)
    assert_equal(shards.merge(folder), whole)
    assert_equal(superposition_jax.load(folder), whole)


def test_missing_and_unfinished_shards_are_named(folder):
    part = next((folder / "parts").glob("0-of-3*"))
    part.unlink()
    words = r"\d+ of 56 models are missing: shard 0/3 has \d+ of its 19, shard 1/3 has 0 of its 18"
    with pytest.raises(ConfigError, match=words):
        shards.merge(folder)
    assert not (folder / "results.nc").exists()


def test_damaged_parts_are_named_and_trained_again(whole, folder):
    part = next((folder / "parts").glob("0-of-3*"))
    content = part.read_bytes()
    for damage in (content[:-100], content[:50] + bytes([content[50] ^ 1]) + content[51:], b""):
        part.write_bytes(damage)
        with pytest.raises(ConfigError, match=f"damaged: {part}"):
            shards.merge(folder)
    for index in (0, 1):
        superposition_jax.run([*SWEEP, f"runtime.shard={index}/3"], directory=folder)
    assert_equal(shards.merge(folder), whole)


def test_what_is_there_is_not_trained_again(folder, capsys):
    before = {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    superposition_jax.run([*SWEEP, "runtime.shard=0/3"], directory=folder, progress=True)
    assert "steps before" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()} == before


def test_overwriting_removes_nothing_of_processes_that_train(folder):
    before = {path: path.read_bytes() for path in (folder / "parts").iterdir()}
    with (
        RunStore(folder, identity.RunIdentity({}, "1/3"), 1.0),
        pytest.raises(ConfigError, match=r"process \d+ on \S+ trains here"),
    ):
        superposition_jax.run([*SWEEP, "train.steps=31", "runtime.overwrite=true"], directory=folder)
    assert before == {path: path.read_bytes() for path in (folder / "parts").iterdir()}
    superposition_jax.run([*SWEEP, "runtime.overwrite=true"], directory=folder)
    assert not (folder / "parts").exists()


def test_parts_of_another_run_division_or_with_the_same_models_are_refused(folder, tmp_path_factory):
    with pytest.raises(ConfigError, match=r"train\.steps = 30 there, 31 here"):
        superposition_jax.run([*SWEEP, "train.steps=31", "runtime.shard=1/3"], directory=folder)
    with pytest.raises(ConfigError, match=r"has parts of 3 shards, this is 1/4"):
        superposition_jax.run([*SWEEP, "runtime.shard=1/4"], directory=folder)
    other = tmp_path_factory.mktemp("other")
    superposition_jax.run([*SWEEP, "runtime.shard=0/3", "runtime.chunk=8"], directory=other)
    for part in (other / "parts").iterdir():
        (folder / "parts" / part.name).write_bytes(part.read_bytes())
    with pytest.raises(ConfigError, match=r"0-of-3_\S+, 0-of-3_.* have models in common"):
        superposition_jax.load(folder)


def test_a_shard_without_models_is_no_error(tmp_path):
    """The last model costs more than two thirds of all, so that the third shard has none."""
    overrides = ["+sweep.axes.length={path: train.steps, values: [2, 3, 900]}", "model.n_features=3", "figures=[]"]
    for index, there in ((2, 0), (1, 1), (0, 3)):
        dataset = superposition_jax.run([*overrides, f"runtime.shard={index}/3"], directory=tmp_path)
        assert int((dataset["status"] == 1).sum()) == there
    assert shards.merge(tmp_path)["loss"].shape == (3,)


@pytest.mark.parametrize("given", ["3/3", "-1/3", "1", "a/b", "1/0", 3, "0/57"])
def test_bad_shards_are_refused(given, tmp_path):
    with pytest.raises(ConfigError, match=r"runtime.shard = .*: must be (i/N|one of at most 56 shards)"):
        superposition_jax.run([*SWEEP, f"runtime.shard={given}"], directory=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_parts_of_other_versions_are_refused(folder, monkeypatch):
    superposition_jax.run([*SWEEP, "runtime.shard=1/3"], directory=folder)
    versions = identity.versions() | {"jax": "99"}
    monkeypatch.setattr(identity, "versions", lambda: versions)
    with pytest.raises(ConfigError, match=r"version of jax = '\S+' there, '99' here"):
        shards.merge(folder)


def test_a_part_with_a_pickle_is_not_opened(folder):
    """Its name has the right digest, so that only NumPy's refusal stands between it and what it would run."""
    there = int((superposition_jax.load(folder)["status"] == 1).sum())
    part = next((folder / "parts").iterdir())
    models = int(part.name.split("_")[2])
    with np.load(part) as file:
        arrays = {**file}
    arrays["array_0"] = np.array([print, "executed"], object)
    content = io.BytesIO()
    np.savez(content, **arrays)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:16]
    part.with_name(f"{part.stem.rpartition('_')[0]}_{digest}.npz").write_bytes(content.getvalue())
    part.unlink()
    assert int((superposition_jax.load(folder)["status"] == 1).sum()) == there - models


def test_a_part_does_not_grow_with_the_sweep(tmp_path):
    sizes = []
    for seeds in (10, 1000):
        overrides = [*SWEEP, f"sweep.axes.seed.range={seeds}", f"runtime.shard=0/{seeds}"]
        superposition_jax.run(overrides, directory=tmp_path / str(seeds))
        sizes.append(max(path.stat().st_size for path in (tmp_path / str(seeds) / "parts").iterdir()))
    assert sizes[1] <= sizes[0] + 100


@pytest.mark.slow
def test_a_killed_shard_that_is_run_again_gives_what_one_process_gives(tmp_path):
    """Four processes side by side, of which one dies by SIGKILL after its first part, as the command does it."""
    sweep = [*SWEEP, "sweep.axes.seed.range=16", "train.steps=400", "runtime.devices=1"]
    folder, environment = tmp_path / "four", {"XDG_CACHE_HOME": str(tmp_path)}
    run(*sweep, f"hydra.run.dir={tmp_path / 'one'}", status=0, **environment)
    sweep += [f"hydra.run.dir={folder}"]
    started = [start(*sweep, f"runtime.shard={k}/4", **environment) for k in range(4)]
    try:
        victim = started[1]
        while not [*folder.glob("parts/1-of-4*")] and victim.poll() is None:
            time.sleep(0.01)
        victim.send_signal(signal.SIGKILL)
        assert [process.wait(timeout=300) for process in started] == [0, -signal.SIGKILL, 0, 0]
    finally:
        for process in started:
            process.kill()
            process.communicate()
    assert "shard 1/4 has" in run(f"merge={folder}", status=2).stderr
    run(*sweep, "runtime.shard=1/4", status=0, **environment)
    run(f"merge={folder}", status=0)
    assert_equal(superposition_jax.load(tmp_path / "one"), superposition_jax.load(folder))
