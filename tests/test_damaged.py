"""Damaged results and manifests: a line that names the file, never a wrong number."""

import contextlib
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from shell import run_here
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax.errors import ConfigError, StorageError
from superposition_jax.results import netcdf
from superposition_jax.storage import identity
from superposition_jax.storage.checkpoint import RunStore

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=6", "train.steps=30", "model.n_features=5", "figures=[]", "runtime.chunk=7"]


@pytest.fixture(scope="module")
def whole():
    return superposition_jax.run(SWEEP)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The folder of a run with one part, whose disk was full then."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch:
        write, written = RunStore.write, []

        def full(*given):
            if written:
                raise OSError(28, "No space left on device")
            written.append(write(*given))

        patch.setattr(RunStore, "write", full)
        with pytest.raises(StorageError):
            superposition_jax.run(SWEEP, directory=folder)
    return folder


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"status": 1}', '{"status": "running", "config": {}, "versions": {}}'])
def test_a_manifest_that_is_none_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    for use in (lambda: superposition_jax.run(SWEEP, directory=tmp_path), lambda: superposition_jax.load(tmp_path)):
        with pytest.raises(ConfigError, match=r"manifest\.json: is damaged"):
            use()


@pytest.mark.parametrize("listed", ['"jobs": [1]', '"jobs": "a"', '"folders": 3', '"folders": [[]]', '"folders": ["\\u0000"]'])
def test_a_manifest_whose_jobs_are_none_is_named(tmp_path, listed):
    text = json.dumps({"status": "finished", "config": {"runtime": {}, "figures": []}, "versions": identity.versions()})
    (tmp_path / "manifest.json").write_text(f"{text[:-1]}, {listed}}}")
    with pytest.raises(ConfigError, match=r"manifest\.json: is damaged; delete it, or use another folder"):
        superposition_jax.run([*SWEEP, "runtime.overwrite=true"], directory=tmp_path)


@pytest.mark.parametrize("text", ["", "3", "[3]", "{}", "[" * 10_000, '{"jobs": [], "folders": 3}'])
def test_damaged_jobs_of_an_unfinished_multirun_are_one_line(tmp_path, text):
    (tmp_path / "unfinished/0_0").mkdir(parents=True)
    (tmp_path / "unfinished/0_0/jobs.json").write_text(text)
    done = run_here("-m", *SWEEP[2:], "seed=1,2", "hydra.sweep.dir=.", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "unfinished/0_0/jobs.json: is damaged; delete it, or use another folder" in done.stderr
    assert not (tmp_path / "multirun.yaml").exists()


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda run: run["axes"]["seed"].update(values=[7]), None),
        (lambda run: run["axes"].pop("seed"), None),
        (
            lambda run: run["config"]["sweep"]["axes"]["seed"].update(range=1),
            "another run: sweep.axes.seed.range = 6 there, 1",
        ),
        (lambda run: run["config"]["sweep"]["axes"].update(seed=[7]), "is damaged"),
        (lambda run: run["config"]["sweep"].update(axes=[7]), "is damaged"),
        (lambda run: run["config"]["sweep"]["axes"]["seed"].pop("path"), "is damaged"),
    ],
)
def test_an_unfinished_run_with_edited_axes_has_its_own_or_is_refused(begun, tmp_path, edit, complaint):
    folder = shutil.copytree(begun, tmp_path / "run")
    described = json.loads((folder / "manifest.json").read_text())
    edit(described)
    (folder / "manifest.json").write_text(json.dumps(described))
    if complaint is None:
        assert_equal(superposition_jax.load(folder), superposition_jax.load(begun))
        return
    with pytest.raises(ConfigError, match=complaint):
        superposition_jax.load(folder)
    for command in ("info", "explore", "resume"):
        done = run_here(f"{command}={folder}", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), (command, done.stderr)


def test_damaged_results_are_named_and_trained_again_if_asked(whole, tmp_path):
    superposition_jax.run(SWEEP, directory=tmp_path)
    content = bytearray((tmp_path / "results.nc").read_bytes())
    content[len(content) // 2] ^= 8
    (tmp_path / "results.nc").write_bytes(content)
    with pytest.raises(ConfigError, match=r"results\.nc: is damaged; runtime\.overwrite=true trains it again"):
        superposition_jax.run(SWEEP, directory=tmp_path)
    assert_equal(superposition_jax.run([*SWEEP, "runtime.overwrite=true"], directory=tmp_path), whole)


READERS = (superposition_jax.load, superposition_jax.explore, lambda run: superposition_jax.measure(run, ["demonstration"]))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("saved")
    superposition_jax.run([*SWEEP, "sweep.axes.seed.range=1", "model.n_hidden=2"], directory=folder)
    return folder


@pytest.mark.parametrize("read", READERS)
def test_results_that_their_manifest_does_not_name_are_refused(saved, tmp_path, read):
    """Damaged where HDF5 does not notice, or another run's; a file that stands alone is read."""
    folder = shutil.copytree(saved, tmp_path / "run")
    netcdf.save(superposition_jax.load(folder).assign(loss=lambda run: run["loss"] * 2), tmp_path / "other")
    content = bytearray((folder / "results.nc").read_bytes())
    content[content.index(superposition_jax.load(folder)["W"].values.tobytes()[:50])] ^= 1
    for foreign in (content, (tmp_path / "other" / "results.nc").read_bytes()):
        (folder / "results.nc").write_bytes(foreign)
        for path in (folder, folder / "results.nc"):
            with pytest.raises(OSError, match=r"run/results\.nc: is damaged, or another run's: its digest"):
                read(path)
    (tmp_path / "alone").mkdir()
    read(shutil.copy(saved / "results.nc", tmp_path / "alone"))


def test_explore_names_results_that_it_cannot_show_in_one_line(saved, tmp_path):
    folder, alone = shutil.copytree(saved, tmp_path / "run"), tmp_path / "alone"
    netcdf.save(superposition_jax.load(folder).assign_attrs(config="{"), alone)
    (folder / "results.nc").write_bytes((alone / "results.nc").read_bytes())
    for path, status in ((folder, 1), (alone, 2)):
        done = run_here(f"explore={path}", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (status, 1)
        assert str(path) in done.stderr


@pytest.mark.parametrize(
    "content", [b"", b"no HDF5", lambda content: content[: len(content) // 2], lambda content: content[::-1]]
)
def test_what_is_no_results_file_is_refused_in_one_line(saved, tmp_path, content):
    original = (saved / "results.nc").read_bytes()
    (tmp_path / "results.nc").write_bytes(content(original) if callable(content) else content)
    for read in READERS:
        with pytest.raises(OSError, match=r"^[^\n]*results\.nc: is damaged[^\n]*$"):
            read(tmp_path)


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_never_a_wrong_number(saved, tmp_path, tell):
    """A bit of every fifth byte; a file that stands alone may only be damaged in the words that announce its digest."""
    folder, alone = shutil.copytree(saved, tmp_path / "run"), tmp_path / "alone.nc"
    content, unsealed, rng = (folder / "results.nc").read_bytes(), 0, np.random.default_rng(0)
    for at in range(0, len(content), 5):
        damaged = content[:at] + bytes([content[at] ^ (1 << rng.integers(8))]) + content[at + 1 :]
        (folder / "results.nc").write_bytes(damaged)
        alone.write_bytes(damaged)
        with pytest.raises(OSError, match=r"results\.nc: is damaged"):
            superposition_jax.load(folder)
        with contextlib.suppress(OSError):
            assert_equal(superposition_jax.load(alone), superposition_jax.load(saved))
            unsealed += 1
    assert unsealed < 8
    tell(f"{len(content) // 5:,} flipped bits, all refused in a run; in a file alone {unsealed} are read, as they were saved")


def test_other_tools_read_and_change_a_file_that_is_sealed(saved, tmp_path):
    file = Path(shutil.copy(saved / "results.nc", tmp_path / "alone.nc"))
    with xr.open_dataset(file, engine="h5netcdf") as read:
        assert_equal(read.load(), superposition_jax.load(file))
    with h5py.File(file, "r+") as changed:
        changed["loss"][...] = 7
    assert (superposition_jax.load(file)["loss"] == 7).all()


@pytest.mark.parametrize(("file", "text"), [("manifest.json", "[" * 10_000), (".hydra/overrides.yaml", "{a")])
def test_damaged_files_are_one_line_in_info(tmp_path, file, text):
    superposition_jax.run([*SWEEP[2:], "sweep=none"], directory=tmp_path)
    (tmp_path / ".hydra").mkdir()
    (tmp_path / file).write_text(text)
    done = run_here(f"info={tmp_path}", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is damaged" in done.stderr
