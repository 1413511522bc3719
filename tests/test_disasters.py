"""Full and failing disks, cut parts, too little memory: a clear word, and nothing lost that was finished."""

import resource
import shutil
import sys
from contextlib import contextmanager

import jax
import numpy as np
import pytest
from shell import run, run_here
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax.config import run_config
from superposition_jax.engine import memory, segments
from superposition_jax.engine import trainer as engine
from superposition_jax.errors import ConfigError, StorageError
from superposition_jax.storage import checkpoint as store
from superposition_jax.sweep import cells as cells_of

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=6", "train.steps=30", "model.n_features=5", "figures=[]", "runtime.chunk=7"]


@pytest.fixture(scope="module")
def whole():
    return superposition_jax.run(SWEEP)


@contextmanager
def failing_after(writes, error, words=None):
    """In this context the disk fails after so many parts, and what runs says so."""
    write, done = store.RunStore.write, []

    def failing(*arguments):
        if len(done) == writes:
            raise error
        done.append(write(*arguments))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.RunStore, "write", failing)
        with pytest.raises(StorageError, match=words):
            yield


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_disk_that_fails_is_named_and_what_is_finished_stays(whole, tmp_path, error):
    with failing_after(1, error, rf"{error.strerror}; what is finished is kept, go on with: .* resume={tmp_path}"):
        superposition_jax.run(SWEEP, directory=tmp_path)
    there = superposition_jax.load(tmp_path)
    finished = there["status"] == 1
    assert 0 < int(finished.sum()) < finished.size
    np.testing.assert_array_equal(there["W"].where(finished), whole["W"].where(finished))
    assert_equal(superposition_jax.run(SWEEP, directory=tmp_path), whole)


def test_a_part_cut_anywhere_is_detected_and_trained_again(whole, tmp_path, capsys):
    """At every 1 kB, and with every kind of byte flipped."""
    with failing_after(1, OSError(28, "No space left on device")):
        superposition_jax.run(SWEEP, directory=tmp_path)
    (tmp_path / "parts" / "foreign.npz").write_bytes(b"not of this run")
    part = next(path for path in (tmp_path / "parts").iterdir() if path.name != "foreign.npz")
    content = part.read_bytes()
    assert len(content) > 3000
    damages = [content[:size] for size in range(0, len(content), 1000)]
    damages += [content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :] for at in range(0, len(content), 997)]
    for damage in damages:
        part.write_bytes(damage)
        assert int((superposition_jax.load(tmp_path)["status"] == 1).sum()) == 0
    assert_equal(superposition_jax.run(SWEEP, directory=tmp_path, progress=True), whole)
    assert f"damaged  {part}: trained again" in capsys.readouterr().out


LIMITED = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(int(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[2])))
sys.argv[1:3] = []
runpy.run_module("superposition_jax.run", run_name="__main__")
"""


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path):
    """Files may have 6 kB at most: no part fits, and the first that does not is named in one line."""
    sweep = [*SWEEP, "hydra.run.dir=out", "hydra.output_subdir=null", "runtime.keep_programs=false"]
    done = run(*sweep, cwd=tmp_path, program=[sys.executable, "-c", LIMITED, resource.RLIMIT_FSIZE, 6000], status=1)
    assert done.stderr.count("\n") == 1
    assert "File too large; what is finished is kept" in done.stderr
    assert not [*tmp_path.glob("out/parts/*")]
    run("resume=out", cwd=tmp_path, status=0)
    assert_equal(superposition_jax.load(tmp_path / "out"), superposition_jax.run(SWEEP))


@pytest.mark.parametrize("place", ["/proc/out", "/dev/null/out"])
def test_a_folder_that_cannot_be_made(tmp_path, place):
    done = run_here(*SWEEP, f"hydra.run.dir={place}", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert place.rpartition("/")[0] in done.stderr


def test_a_folder_that_vanishes_is_named(tmp_path, monkeypatch):
    write = store.RunStore.write

    def vanish(self, *arguments):
        shutil.rmtree(tmp_path / "run")
        (tmp_path / "run").write_text("a file in its place")
        write(self, *arguments)

    monkeypatch.setattr(store.RunStore, "write", vanish)
    with pytest.raises(StorageError, match=rf"{tmp_path / 'run'}\S*: Not a directory"):
        superposition_jax.run(SWEEP, directory=tmp_path / "run")


@pytest.mark.slow
def test_tiles_shrink_to_the_free_memory(whole, monkeypatch):
    """The compiled program says what it takes; the free memory is pretended."""
    reports = []
    monkeypatch.setattr(memory, "free", lambda device: 1e6)
    experiment = run_config.load([*SWEEP, "runtime.chunk=1000"])
    [results] = engine.Trainer(experiment.groups, devices=1, chunk=1000).train(reports.append)
    shrunk = [report for report in reports if isinstance(report, segments.ChunkReduced)]
    assert all(report.needed > report.free == 1e6 for report in shrunk)
    assert 1 <= shrunk[-1].chunk < 42
    np.testing.assert_allclose(results["loss"].reshape(7, 6), whole["loss"], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_tiles_halve_when_memory_runs_out(whole, monkeypatch):
    advance, reports = segments._advance, []

    def small_machine(programs, group, tile, *rest):
        if tile.real.size > 12:
            raise MemoryError
        return advance(programs, group, tile, *rest)

    monkeypatch.setattr(segments, "_advance", small_machine)
    experiment = run_config.load(SWEEP)
    [results] = engine.Trainer(experiment.groups, devices=1, chunk=42).train(reports.append)
    assert [report.chunk for report in reports if isinstance(report, segments.ChunkReduced)] == [21, 10]
    np.testing.assert_allclose(results["loss"].reshape(7, 6), whole["loss"], rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(segments, "_advance", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.Trainer(experiment.groups, devices=1, chunk=42).train(reports.append)


@pytest.mark.slow
def test_tiles_of_best_seeds_halve_too(monkeypatch):
    experiment = run_config.load([*SWEEP, "model.n_features=6"])
    trainer, evaluate, reports = engine.Trainer(experiment.groups, devices=1, chunk=42), segments.evaluate_again, []
    trained = trainer.train(lambda report: None)
    cells = cells_of([experiment.grid])
    [whole] = trainer.evaluate_again(trained, cells)

    def small_machine(programs, group, tiles, **given):
        if tiles[0].real.size > 12:
            raise MemoryError
        return evaluate(programs, group, tiles, **given)

    monkeypatch.setattr(segments, "evaluate_again", small_machine)
    [results] = trainer.evaluate_again(trained, cells, reports.append)
    assert [report.chunk for report in reports if isinstance(report, segments.ChunkReduced)] == [21, 10]
    assert np.isfinite(results["loss_again"]).sum() == 7
    np.testing.assert_allclose(results["loss_again"], whole["loss_again"], rtol=1e-5)


@pytest.mark.slow
def test_a_chunk_that_would_die_under_a_limit_finishes(tmp_path):
    """Under this limit on addresses XLA fails with the chunk that is asked for."""
    big = ["sweep=sparsity", "sweep.axes.seed.range=100", "train=exact", "train.order=8", "train.steps=2", "figures=[]"]
    big += [
        "train.expectation=sampled",
        "model.n_features=5",
        "runtime.chunk=700",
        "runtime.keep_programs=false",
        "hydra.run.dir=out",
        "runtime.devices=1",
    ]
    done = run(*big, cwd=tmp_path, program=[sys.executable, "-c", LIMITED, resource.RLIMIT_AS, 4 * 2**30], status=0)
    assert "GiB are free" in done.stdout
    assert superposition_jax.load(tmp_path / "out")["loss"].size == 700


def test_results_that_do_not_fit_are_refused_before_training(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "free", lambda device: 1e4)
    with pytest.raises(ConfigError, match=r"sweep.axes = 42 models: their results take \S+ GiB of memory, \S+ GiB are free"):
        superposition_jax.run(SWEEP, directory=tmp_path)


def test_free_memory_is_the_least_of_machine_groups_and_limits(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    monkeypatch.setattr(memory, "_cgroups", lambda: [tmp_path])
    assert memory.free(jax.devices("cpu")[0]) == pytest.approx(0.8 * 600_000)
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 90000\nactive_file 10000\n")
    assert memory.free(jax.devices("cpu")[0]) == pytest.approx(0.8 * 690_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free(jax.devices("cpu")[0]) > 1e8


def test_a_poisoned_model_among_63_leaves_the_others_bit_identical(tmp_path):
    """At a learning rate of 10³⁰; the shell, the manifest and metrics.csv count it."""
    rates = [0.01 + 0.0003 * k for k in range(62)]
    axis = "+sweep.axes.rate={{path: train.learning_rate, values: {}}}"
    sweep = ["model.n_features=5", "train.steps=100", "figures=[]"]
    well = superposition_jax.run([*sweep, axis.format([*rates[:20], 0.02, *rates[20:]])])
    poisoned = superposition_jax.run([*sweep, axis.format([*rates[:20], 1e30, *rates[20:]])], directory=tmp_path)
    others = np.arange(63) != 20
    for name in ("W", "b", "loss", "loss_curve"):
        np.testing.assert_array_equal(well[name].values[others], poisoned[name].values[others], err_msg=name)
    assert [*np.flatnonzero(poisoned["status"] == 2)] == [20]
    assert int(poisoned["diverged_at"][20]) >= 0
    assert np.isfinite(poisoned["W"]).all()
    assert (tmp_path / "metrics.csv").read_text().count("diverged\n") == 1
