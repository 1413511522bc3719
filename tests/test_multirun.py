"""Hydra's multirun in one compiled program a Spec: equal to single runs, a folder a job, one Dataset, failures alone."""

import json
import shutil

import numpy as np
import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import OmegaConf
from shell import run_here

import superposition_jax
from superposition_jax.command.launcher import Composer
from superposition_jax.config.compose import VERSION_BASE, conf_dir

TINY = ["train.steps=30", "model.n_features=6"]


def multirun(cwd, *overrides, expected=0):
    done = run_here("-m", "hydra.sweep.dir=out", *TINY, *overrides, cwd=cwd)
    assert done.returncode == expected, done.stderr
    return done


JOBS = [
    *(["data.sparsity=0.5", "model.n_hidden=2", "seed=1"], ["data.sparsity=0.9", "model.n_hidden=3", "seed=2"]),
    *([f"data.sparsity={values}", "model.n_hidden=2", "seed=3"] for values in ("[0.5,0.6]", "null")),
    *([f"name={name}", "seed=1"] for name in ("a b", "'c=d'", "'${sweep.name}'")),
    *([given, f"seed={seed}"] for given in ("model=linear", "hydra.job.chdir=false") for seed in (1, 2)),
    *([f"+sweep.axes.x={{path: seed, range: {count}}}", "seed=1"] for count in (3, 2)),
    *([f"model={{n_hidden: {hidden}}}", "seed=1"] for hidden in (3, 4)),
    *(["train=paper", "seed=1"], []),
]


def test_composition_is_hydras_own():
    setup_globals()
    with initialize_config_dir(conf_dir(), **VERSION_BASE):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", overrides=[], run_mode=RunMode.MULTIRUN)
        compose, own = Composer(loader), [loader.load_sweep_config(master, list(overrides)) for overrides in JOBS]
        for overrides, expected in [*zip(JOBS, own, strict=True)] * 2:  # again, with what the first has left
            assert OmegaConf.to_container(compose(master, list(overrides))) == OmegaConf.to_container(expected), overrides


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Twelve jobs of two Specs."""
    cwd = tmp_path_factory.mktemp("multirun")
    done = multirun(cwd, "data.sparsity=0.5,0.9", "model.n_hidden=2,3", "seed=range(3)")
    return done, cwd / "out"


def test_jobs_share_one_program_a_spec(ran):
    done, _ = ran
    programs = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("program")]
    assert programs == ["program 1/2", "program 2/2"]


def test_every_job_has_an_ordinary_folder_with_what_a_single_run_gives(ran):
    _, folder = ran
    for number, overrides in ((0, (0.5, 2, 0)), (11, (0.9, 3, 2))):
        sparsity, hidden, seed = overrides
        job, mine = folder / str(number), [f"data.sparsity={sparsity}", f"model.n_hidden={hidden}", f"seed={seed}"]
        assert set(mine) <= set(OmegaConf.load(job / ".hydra" / "overrides.yaml"))
        assert (job / "run.log").exists()
        alone = superposition_jax.run([*TINY, *mine])
        np.testing.assert_allclose(superposition_jax.load(job)["W"], alone["W"], rtol=1e-5, atol=1e-6)


def test_the_root_has_all_jobs_on_the_axes_of_the_overrides(ran):
    _, folder = ran
    dataset = superposition_jax.load(folder)
    assert dict(dataset["loss"].sizes) == {"sparsity": 2, "n_hidden": 2, "seed": 3}
    np.testing.assert_array_equal(dataset["density"], [0.5, 1 - 0.9])
    one = dataset.sel(sparsity=0.9, n_hidden=2, seed=1)
    np.testing.assert_array_equal(one["W"].isel(hidden=slice(2)), superposition_jax.load(folder / "7")["W"])
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all(f'id="{number}"' in page for number in range(12))
    assert "figures/demonstration.png" in page
    assert (folder / "figures" / "demonstration.png").exists()


def test_a_bad_and_a_diverged_job_fail_alone(tmp_path):
    done = multirun(tmp_path, "train.learning_rate=0.01,-1,1e30,0.02", expected=1)
    assert "job train.learning_rate=-1: train.learning_rate = -1: must be" in done.stderr.replace(f" {' '.join(TINY)}", "")
    assert "diverged" in done.stderr
    assert "\n4 jobs, 1 refused, on " in f"\n{done.stdout}"
    dataset = superposition_jax.load(tmp_path / "out")
    np.testing.assert_array_equal(dataset["status"], [1, 0, 2, 1])
    assert (tmp_path / "out" / "3" / "results.nc").exists()
    assert not (tmp_path / "out" / "1" / "results.nc").exists()
    failed = json.loads((tmp_path / "out" / "manifest.json").read_text())["failed"]
    assert len(failed) == 2
    assert "index.html" in done.stdout
    again = multirun(tmp_path, "train.learning_rate=0.01,-1,1e30,0.02", expected=1)
    assert again.stdout == "out: is finished; runtime.overwrite=true trains it again\n"
    assert again.stderr.splitlines() == done.stderr.splitlines()[-2:]
    assert "out: has results" in multirun(tmp_path, "train.learning_rate=0.01,-2,1e30,0.02", expected=2).stderr


def test_jobs_may_be_sweeps_and_need_not_be_a_grid(tmp_path):
    multirun(tmp_path, "sweep=sparsity", "sweep.axes.seed.range=2", "train.learning_rate=0.01,0.02", "figures=[]")
    dataset = superposition_jax.load(tmp_path / "out")
    assert dict(dataset["loss"].sizes) == {"learning_rate": 2, "sparsity": 7, "seed": 2}


def test_a_finished_multirun_is_not_trained_again_unless_asked(ran, tmp_path):
    folder = ran[1]
    shutil.copytree(folder, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    given = ["data.sparsity=0.5,0.9", "model.n_hidden=2,3"]
    again = multirun(tmp_path, *given, "seed=range(3)")
    assert again.stdout == "out: is finished; runtime.overwrite=true trains it again\n"
    for other in ("seed=range(2)", "seed=1,2,3"):
        assert "out: has results" in multirun(tmp_path, *given, other, expected=2).stderr
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}


@pytest.mark.slow
def test_jobs_with_different_axes_have_an_index_but_no_dataset(tmp_path):
    multirun(tmp_path, "sweep=none,learning_rate", "train.steps=5", "figures=[]")
    assert not (tmp_path / "out" / "results.nc").exists()
    assert (tmp_path / "out" / "index.html").exists()
    assert superposition_jax.load(tmp_path / "out" / "1")["loss"].ndim == 3
    assert "is finished" in multirun(tmp_path, "sweep=none,learning_rate", "train.steps=5", "figures=[]").stdout
    multirun(tmp_path, "sweep=none,learning_rate", "train.steps=6", "figures=[]", "runtime.overwrite=true")
    refused = multirun(tmp_path, "hydra.sweep.dir=other", "sweep=none,sparsity", "sweep.axes.seed.range=2", expected=2)
    assert refused.stderr.startswith("superposition_jax: sweep.axes.seed.range: no such key")
    assert refused.stderr.count("\n") == 1


def test_a_job_that_does_not_use_what_is_set_fails_alone(tmp_path):
    done = multirun(tmp_path, "train.optimizer=adam,sgd", "train.momentum=0.5", "figures=[]", expected=1)
    assert "train.momentum = 0.5: changes nothing with train.optimizer = 'adam'" in done.stderr
    np.testing.assert_array_equal(superposition_jax.load(tmp_path / "out")["status"], [0, 1])


def test_hydras_own_launcher_is_there(tmp_path):
    done = multirun(tmp_path, "hydra/launcher=basic", "seed=0,1", "figures=[]")
    assert done.stdout.count("program 1/1") == 2
    assert (tmp_path / "out" / "index.html").exists()
