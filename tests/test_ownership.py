"""Files of a stranger's in the folder of a run or multirun stay as they are, and what a run overwrites goes as a whole."""

import json

import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf
from shell import TINY, run_here
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax import files
from superposition_jax.config.compose import compose
from superposition_jax.errors import ConfigError, StorageError
from superposition_jax.experiments.registry import FIGURES
from superposition_jax.storage import identity, outputs
from superposition_jax.storage.checkpoint import RunStore

JOBS = ["-m", *TINY, "hydra.sweep.dir=out"]


def contents(folder):
    """The bytes of every file below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def blank(monkeypatch):
    """Figures that are drawn at once."""
    for name in ("blank", "empty"):
        monkeypatch.setitem(FIGURES, name, lambda dataset: Figure())


@pytest.mark.parametrize("overwrite", ["false", "true"])
@pytest.mark.parametrize("name", ["results.nc", "metrics.csv", "explorer.html", "figures/blank.png"])
def test_results_that_no_manifest_lists_are_refused(tmp_path, blank, name, overwrite):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "out/figures").mkdir(parents=True)
    (tmp_path / "out" / name).symlink_to(tmp_path / "elsewhere")
    given = [*TINY, "figures=[blank]", f"runtime.overwrite={overwrite}"]
    with pytest.raises(ConfigError, match=f"out: has {name}, which no manifest.json there lists; use another folder"):
        superposition_jax.run(given, directory=tmp_path / "out")
    assert run_here(*given, "hydra.run.dir=out", cwd=tmp_path).returncode == 2
    assert contents(tmp_path) == {"elsewhere": b"mine", f"out/{name}": b"mine"}


def test_other_files_in_our_folders_stay(tmp_path, blank):
    names = [
        "parts/mine.npz",
        "parts/.x.tmp",
        "parts/0-of-1_mine.npz",
        "state/mine.npz",
        "state/.0-of-1.json.tmp",
        "figures/mine.png",
    ]
    for path in (tmp_path / name for name in names):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    for given in ([], ["train.steps=21", "runtime.overwrite=true"], ["figures=[blank]", "runtime.overwrite=true"]):
        superposition_jax.run([*TINY, *given], directory=tmp_path)
        assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "mine")


def test_a_multirun_leaves_the_files_of_others(tmp_path):
    """Also a folder `unfinished`, and a manifest that is none of ours."""
    names = ["unfinished/mine.txt", "unfinished/0_0/parts/mine.npz", "app/manifest.json", "notes"]
    for path in (tmp_path / "out" / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert run_here(*JOBS, "seed=1,2", cwd=tmp_path).returncode == 0
    assert {name: (tmp_path / "out" / name).read_text() for name in names} == dict.fromkeys(names, "{}")
    assert "app" not in (tmp_path / "out/index.html").read_text()


@pytest.mark.parametrize("name", ["results.nc", "index.html", "explorer.html", "1/results.nc", "1/manifest.json"])
def test_a_multirun_refuses_results_of_others(tmp_path, name):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    described = {"status": "finished", "config": {"runtime": {}, "figures": []}, "versions": identity.versions()}
    path.write_text(json.dumps(described))
    before = contents(tmp_path)
    done = run_here(*JOBS, "seed=1,2", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.endswith("use another folder\n") or "has results; use another folder, or runtime" in done.stderr
    assert contents(tmp_path) == before


HYDRA_S = [".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "run.log"]
OTHER = "db: {host: localhost}\nseed: 1\n"


@pytest.mark.parametrize("launcher", ["batch", "basic"])
@pytest.mark.parametrize("name", [*HYDRA_S, "multirun.yaml", "index.html", *(f"1/{name}" for name in HYDRA_S)])
def test_what_hydra_would_replace_of_other_applications_is_refused(tmp_path, name, launcher):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text(OTHER)
    given = [*JOBS, f"hydra/launcher={launcher}", "seed=1,2"] if name[0] in "1mi" else ["hydra.run.dir=out", *TINY]
    done = run_here(*given, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"has {name.removeprefix('1/')}" in done.stderr
    assert contents(tmp_path) == {f"out/{name}": OTHER.encode()}


CHOSEN = "hydra.run.dir='out/${model.n_hidden}_${hydra:runtime.choices.model}'"


@pytest.mark.parametrize("name", [*HYDRA_S, "results.nc"])
def test_files_of_others_in_a_folder_that_the_config_names_are_refused(tmp_path, name):
    path = tmp_path / "out/2_relu" / name
    path.parent.mkdir(parents=True)
    path.write_text(OTHER)
    done = run_here(CHOSEN, *TINY, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"out/2_relu: has {name}" in done.stderr
    assert contents(tmp_path) == {f"out/2_relu/{name}": OTHER.encode()}


def test_jobs_that_are_trained_one_by_one_are_refused_before_the_first_writes(tmp_path):
    superposition_jax.run([*TINY, "seed=7"], directory=tmp_path / "out/1")
    before = contents(tmp_path)
    done = run_here(*JOBS, "hydra/launcher=basic", "seed=1,2", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "out/1: has another run: seed = 7 there, 2 here" in done.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize("size", [0, 3, 100, None])
def test_a_run_that_died_before_its_manifest_is_completed(tmp_path, size):
    """Also while Hydra wrote a file, which ends anywhere then."""
    config = OmegaConf.to_yaml(OmegaConf.create(compose(TINY)))[:size]
    for name, content in ((".hydra/config.yaml", config), (".hydra/hydra.yaml", OTHER), ("run.log", "a warning\n")):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert run_here(*TINY, "hydra.run.dir=out", cwd=tmp_path).returncode == 0
    assert_equal(superposition_jax.load(tmp_path / "out"), superposition_jax.run(TINY))


@pytest.mark.parametrize("subdir", ["x", "'${nope}'", "a" * 300])
def test_a_refused_multirun_leaves_an_empty_folder_of_the_user(tmp_path, subdir):
    (tmp_path / "out").mkdir()
    assert run_here(*JOBS, "seed=1,2", f"hydra.sweep.subdir={subdir}", cwd=tmp_path).returncode == 2
    assert [*tmp_path.rglob("*")] == [tmp_path / "out"]


@pytest.mark.parametrize("launcher", ["batch", "basic"])
@pytest.mark.parametrize("folder", ["x", ".", "'${model.n_hidden}'", "'${seed}/../y'"])
def test_jobs_with_one_folder_are_refused_before_training(tmp_path, folder, launcher):
    done = run_here(*JOBS, "seed=1,2", f"hydra.sweep.subdir={folder}", f"hydra/launcher={launcher}", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "would share the folder" in done.stderr
    assert not [*tmp_path.iterdir()]


def test_a_multirun_over_another_one_leaves_nothing_of_it(tmp_path, blank):
    given = [*JOBS, "model.n_features=4"]
    assert run_here(*given, "seed=1,2,3,4", "figures=[blank,empty]", cwd=tmp_path).returncode == 0
    (tmp_path / "out/3/notes").write_text("mine")
    assert "has results" in run_here(*given, "seed=5,6", cwd=tmp_path).stderr
    with RunStore(tmp_path / "out/2", identity.RunIdentity({}), 1.0):
        done = run_here(*given, "seed=5,6", "runtime.overwrite=True", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "out/2: process" in done.stderr
    assert run_here(*given, "seed=5,6", "figures=[blank]", "runtime.overwrite=True", cwd=tmp_path).returncode == 0
    assert superposition_jax.load(tmp_path / "out")["seed"].values.tolist() == [5, 6]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["0", "1", "3", "figures"]
    assert contents(tmp_path / "out/3") == {"notes": b"mine"}
    assert [*contents(tmp_path / "out/figures")] == ["blank.png"]
    assert "<h1>2 runs</h1>" in (tmp_path / "out/index.html").read_text()


def test_pages_of_others_stay(tmp_path):
    """Where a job would have its page, and where a command writes one."""
    assert run_here(*JOBS, "seed=1,2", cwd=tmp_path).returncode == 0
    for name in ("0", "1"):
        (tmp_path / "out" / name / "explorer.html").write_text("mine")
    done = run_here("explore=out/0", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "out/0/explorer.html: is no page of this package" in done.stderr
    run_here(*JOBS, "seed=3", "runtime.overwrite=true", cwd=tmp_path)
    assert {(tmp_path / "out" / name / "explorer.html").read_text() for name in ("0", "1")} == {"mine"}
    superposition_jax.explore(tmp_path / "out")
    superposition_jax.explore(tmp_path / "out")


@pytest.mark.parametrize("given", [["hydra.run.dir="], ["-m", "seed=1,2", "hydra.sweep.dir="]])
def test_an_empty_name_of_a_folder_is_refused(tmp_path, given):
    done = run_here(*given, *TINY, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, f"superposition_jax: {given[-1]}: names no folder; give . for this one\n")
    assert not [*tmp_path.iterdir()]


def test_a_run_over_another_one_leaves_none_of_its_pictures(tmp_path, blank):
    superposition_jax.run([*TINY, "figures=[blank,empty]"], directory=tmp_path)
    superposition_jax.run([*TINY, "figures=[empty]", "runtime.overwrite=true"], directory=tmp_path)
    assert [*contents(tmp_path / "figures")] == ["empty.png"]


def test_temporary_files_of_a_killed_process_go(tmp_path, blank):
    superposition_jax.run([*TINY, "figures=[blank]"], directory=tmp_path)
    before, hexadecimal = contents(tmp_path), "0123456789abcdef"
    names = [f".{name}.{hexadecimal}.tmp" for name in ("results.nc", "metrics.csv", "manifest.json", "explorer.html")]
    for name in [*names, f"figures/.blank.gif.{hexadecimal}.gif", f".notes.{hexadecimal}.tmp"]:
        (tmp_path / name).write_text("cut off")
    superposition_jax.run([*TINY, "figures=[blank]"], directory=tmp_path)
    assert contents(tmp_path) == before | {f".notes.{hexadecimal}.tmp": b"cut off"}


def test_a_page_is_written_while_a_run_ends_in_its_folder(tmp_path, monkeypatch):
    """The run takes the temporary file of the page for that of a process that lives."""
    superposition_jax.run(TINY, directory=tmp_path)
    sync = files._sync
    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", lambda path: (patch.undo(), outputs.remove_temporaries(tmp_path), sync(path)))
        superposition_jax.explore(tmp_path)
    assert not [*tmp_path.glob(".explorer*")]


def test_results_are_made_in_memory(tmp_path, monkeypatch):
    """A full disk fails in `whole`, after HDF5; nothing is left, and the multirun says how to go on."""
    write, made = type(tmp_path).write_bytes, []

    def full(path, content):
        if path.name.startswith(".results.nc"):
            made.append(len(content))
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "write_bytes", full)
        with pytest.raises(StorageError, match=r"No space left on device; what is finished is kept, go on with: .* resume="):
            superposition_jax.run(TINY, directory=tmp_path / "run")
        done = run_here(*JOBS, "seed=1,2", cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "what is finished is kept, go on with: the same command with hydra.sweep.dir=out" in done.stderr
    assert len(made) == 2
    assert run_here("resume=run", cwd=tmp_path).returncode == 0
    assert "steps before" in run_here(*JOBS, "seed=1,2", cwd=tmp_path).stdout
    assert superposition_jax.load(tmp_path / "out").sizes["seed"] == 2


def test_a_disk_that_is_full_at_the_first_file_promises_nothing(tmp_path, monkeypatch):
    def full(path, text, **_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    with pytest.raises(StorageError, match="No space left on device; nothing is begun yet; give the same command again"):
        superposition_jax.run(TINY, directory=tmp_path / "run")
    assert not contents(tmp_path)


def test_names_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="directory = ''"):
        superposition_jax.run(TINY, directory="")
    long = "a" * 300
    for given in ([f"name={long}"], [f"hydra.run.dir=out/{long}"], ["-m", "hydra.sweep.dir=out", f"hydra.sweep.subdir={long}"]):
        done = run_here(*given, *TINY, cwd=tmp_path)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert not [*tmp_path.iterdir()]
