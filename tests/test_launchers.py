"""Hydra's other launchers and sweepers, as their users start them."""

import numpy as np
import pytest
import yaml
from shell import run, run_here

import superposition_jax

MULTIRUN = ["-m", "hydra.sweep.dir=out", "figures=[]"]


@pytest.mark.slow
def test_optuna_trains_64_trials_in_one_program(tmp_path):
    """Two batches of 64 trials; the second learns from the first, and the best is the least of all losses."""
    rate = "train.learning_rate=tag(log,interval(0.00001,0.3))"
    optuna = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=128", "hydra.sweeper.n_jobs=64", "hydra.sweeper.sampler.seed=0"]
    done = run(*MULTIRUN, *optuna, rate, "train.steps=200", cwd=tmp_path, status=0)
    programs = [line.split(",")[0] for line in done.stdout.splitlines() if line.startswith("program")]
    assert programs == ["program 1/1: 64 models"] * 2
    results = superposition_jax.load(tmp_path / "out")
    assert results["loss"].size == 128
    found = yaml.safe_load((tmp_path / "out" / "optimization_results.yaml").read_text())
    assert found["best_value"] == pytest.approx(float(results["loss"].min()), rel=1e-6)
    first, second = np.split(results["loss"].values, 2)
    assert np.median(second) < np.median(first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("train.steps=0", "train.steps = 0: must be a whole number"),
        ("train.step=5", "train.step: no such key; did you mean train.steps?"),
        ("figures=[nope]", "figures = ['nope']: must be a list of names among"),
        ("imports=[no_such_module]", "cannot import no_such_module"),
        ("runtime.devices=2000", "runtime.devices = 2000: this process has"),
        ("runtime.distributed=true", "goes with single runs"),
    ],
)
def test_what_all_trials_have_is_refused_before_there_is_a_file(tmp_path, given, words):
    rate = "train.learning_rate=interval(0.00001,0.3)"
    done = run_here("-m", "hydra.sweep.dir=out", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", rate, given, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert words in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_submitit_trains_shards_that_make_one_run(tmp_path):
    sweep = ["sweep=sparsity", "sweep.axes.seed.range=4", "train.steps=50", "runtime.chunk=7"]
    shards = [*MULTIRUN, "hydra/launcher=submitit_local", "hydra.sweep.subdir=.", "runtime.shard=0/3,1/3,2/3", *sweep]
    run(*shards, cwd=tmp_path, status=0)
    part = next((tmp_path / "out" / "parts").glob("1-of-3*"))
    part.unlink()  # as if that shard had died: the same line goes on
    run(*shards, cwd=tmp_path, status=0)
    run("merge=out", cwd=tmp_path, status=0)
    again = run(*shards, cwd=tmp_path, status=0)
    assert again.stdout == "out: is finished; runtime.overwrite=true trains it again\n"
    np.testing.assert_array_equal(superposition_jax.load(tmp_path / "out")["W"], superposition_jax.run(sweep)["W"])
