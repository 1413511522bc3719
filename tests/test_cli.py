"""The command, from another folder than the checkout."""

import csv
import importlib.metadata
import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from omegaconf import OmegaConf
from shell import run, run_here

import superposition_jax
from superposition_jax.command import before_hydra, before_multirun, index_page, jobs, terminal
from superposition_jax.config.compose import conf_dir, settings

SPARSITIES = [0.0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999]
TINY = ["sweep=sparsity", "train.steps=20", "sweep.axes.seed.range=2", "model.n_features=6", "model.n_hidden=2"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A tiny sweep: its shell output and its folder."""
    cwd = tmp_path_factory.mktemp("elsewhere")
    done = run_here(*TINY, "hydra.run.dir=out", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done, cwd / "out"


@pytest.fixture(scope="module")
def manifest(ran):
    return json.loads((ran[1] / "manifest.json").read_text(encoding="utf-8"))


def test_files_of_a_run(ran, manifest):
    _, out = ran
    files = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    figures = {f"figures/{name}.png" for name in manifest["config"]["figures"]}
    assert files - {"run.log"} == figures | {
        *("results.nc", "manifest.json", "metrics.csv", "explorer.html"),
        *(".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"),
    }
    assert len(figures) == 3
    assert all((out / figure).read_bytes().startswith(b"\x89PNG\r\n") for figure in figures)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_output_is_plain_and_says_how_to_open(ran):
    done, out = ran
    assert f"superposition_jax.load({str(out)!r})" in done.stdout
    assert "14 models in 1 compiled program" in done.stdout
    assert not {"\x1b", "\r"} & {*done.stdout, *done.stderr}


def test_manifest_says_what_was_run(manifest):
    config = manifest["config"]
    assert config["train"]["steps"] == 20
    assert (config["model"]["n_features"], config["model"]["n_hidden"]) == (6, 2)
    assert manifest["axes"] == {
        "sparsity": {"path": "data.sparsity", "values": SPARSITIES, "dim": "sparsity"},
        "seed": {"path": "seed", "values": [0, 1], "dim": "seed"},
    }
    assert manifest["seeds"] == [0, 1]
    assert (manifest["recipe"]["train.steps"], manifest["recipe"]["train.batch_size"]) == (20, 32)
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    versions |= {name: importlib.metadata.version(name) for name in ("superposition_jax", "jax", "numpy", "xarray")}
    assert manifest["versions"].items() >= versions.items()


def test_results_are_labelled(ran, manifest):
    dataset = superposition_jax.load(ran[1])
    assert dataset["W"].dims == ("sparsity", "seed", "hidden", "feature")
    assert dataset["W"].shape == (7, 2, 2, 6)
    assert dataset["loss"].dims == dataset["status"].dims == ("sparsity", "seed")
    assert dataset["sparsity"].values.tolist() == SPARSITIES
    assert dataset["density"].dims == ("sparsity",)
    assert dataset["seed"].values.tolist() == [0, 1]
    assert json.loads(dataset.attrs["config"]) == manifest["config"]
    assert superposition_jax.load(ran[1] / "results.nc").identical(dataset)


def test_metrics_have_one_row_a_model(ran):
    with open(ran[1] / "metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["sparsity"]), int(row["seed"])) for row in rows] == list(product(SPARSITIES, [0, 1]))
    assert {row["status"] for row in rows} == {"ok"}
    losses = superposition_jax.load(ran[1])["loss"].values.ravel()
    assert [float(row["loss"]) for row in rows] == losses.tolist()
    assert (losses > 0).all()


@pytest.mark.parametrize(
    ("option", "override", "words"),
    [
        ("sweep=sparsity", "model=cubic", "linear, privileged, relu, untied"),
        ("sweep=sparsity", "+sweep.axes.x={path: data.sparcity, values: [0.5]}", "did you mean data.sparsity?"),
        ("sweep=sparsity", "train.steps=0", "train.steps = 0: must be a whole number in [1, 2147483647] or null"),
        ("experiment=all", "train.steps=0", "train.steps = 0: must be a whole number in [1, 2147483647] or null"),
        ("experiment=all", "train.momentum=0.5", "train.momentum = 0.5: changes nothing"),
        ("-m", "train.weight_decay=0,0.01", "train.weight_decay = 0: changes nothing"),
        ("-m", "seed=-1,-2", "seed = -1: must be a whole number"),
        ("-m", "seed=range(0)", "seed=range(0): has no values, so there are no jobs"),
        ("-m", "foo=1,2", "foo: no such key"),
        ("-m", "hydra.run.dir=out", "hydra.run.dir: hydra.sweep.dir is the folder of a multirun"),
        ("-m", "~runtime", "runtime.distributed: is missing"),
        ("sweep=sparsity", "hydra.sweep.dir=out", "hydra.sweep.dir: goes with -m"),
        ("sweep=sparsity", "runtime.shard=0/2", "runtime.shard = '0/2': needs hydra.run.dir=<the folder that all shards share>"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, option, override, words):
    done = run_here(option, override, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("superposition_jax: ")
    assert words in line
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_the_console_script_gives_the_same(tmp_path):
    module = run("--help", cwd=tmp_path, status=0, PYTHONPROFILEIMPORTTIME="1")
    assert "sweep=sparsity" in module.stdout
    assert "sweep: hidden, importance, learning_rate, none, sparsity" in module.stdout
    imported = {line.rpartition("|")[2].strip() for line in module.stderr.splitlines()}
    assert "superposition_jax.config.compose" in imported
    assert not imported & {"jax", "jaxlib", "matplotlib", "xarray"}

    script = run("--help", cwd=tmp_path, program=(Path(sys.executable).parent / "superposition-jax",))
    assert (script.returncode, script.stdout) == (0, module.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a,b", "a[b", "a b"])
def test_a_folder_of_configs_may_have_any_name(tmp_path, name):
    (tmp_path / name / "train").mkdir(parents=True)
    (tmp_path / name / "train/mine.yaml").write_text("defaults: [fast]\nsteps: 0\n")
    done = run_here("--config-dir", name, "-m", "train=mine", "seed=1,2", cwd=tmp_path)
    assert done.stderr == "superposition_jax: train.steps = 0: must be a whole number in [1, 2147483647] or null\n"


def test_the_version_is_ours(tmp_path):
    assert run_here("--version", cwd=tmp_path).stdout == f"superposition_jax {superposition_jax.__version__}\n"


def test_links_of_the_index_page_reach_every_folder(tmp_path):
    """One of a name that would be a script, one of characters that addresses need encoded."""
    folders = [tmp_path / name for name in ("javascript:alert(1)", "a b?c#d%20")]
    for folder in folders:
        superposition_jax.run(["sweep=none", "train.steps=20", "figures=[]"], directory=folder)
    page = index_page.write(tmp_path, folders).read_text(encoding="utf-8")
    addresses = [address for address in re.findall(r'href="([^"]*)"', page) if not address.startswith("#")]
    assert all(address.startswith("./") for address in addresses)
    assert all((tmp_path / unquote(urlsplit(a).path)).is_file() for a in addresses if a.endswith("manifest.json"))
    assert "<h1>2 runs</h1>" in page
    assert "1 model;" in page


IMPORTS = """
import sys, superposition_jax
print("jax" in sys.modules)
import superposition_jax.run
print("jax" in sys.modules, superposition_jax.run is sys.modules["superposition_jax.run"])
try:
    superposition_jax.run(["train.steps=0"])
except superposition_jax.errors.ConfigError as error:
    print(error)
"""


def test_import_starts_nothing_and_run_stays_a_function(tmp_path):
    done = run(cwd=tmp_path, program=(sys.executable, "-c", IMPORTS))
    assert done.stderr == ""
    light, still_light, refusal = done.stdout.splitlines()
    assert (light, still_light) == ("False", "False True")
    assert refusal.startswith("train.steps = 0")


def test_all_experiments_are_one_multirun():
    """Each in a folder of its name."""
    multirun = jobs.compose(before_hydra.expand(["experiment=all"])[1:], "config")
    names = {path.stem for path in Path(conf_dir(), "experiment").glob("*.yaml")} - {"none"}
    assert {job.folder.name for job in multirun.jobs} == names


@pytest.mark.slow
def test_some_experiments_with_one_command(tmp_path, monkeypatch):
    """Tiny, into one folder with an index page that has all their findings and figures."""
    names = {"absolute_small", "anticorrelated", "intro", "phase_n2m1"}
    for module in (before_hydra, before_multirun, sys.modules["superposition_jax.run"]):
        monkeypatch.setattr(module, "ALL", f"experiment={','.join(sorted(names))}")
    done = run_here("experiment=all", "train.steps=5", "++sweep.axes.seed.range=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "all").iterdir()
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert {path.parent.name for path in folder.glob("*/results.nc")} == names
    for name in names:
        assert f'<section id="{name}">' in page
        assert all(f'src="./{name}/figures/{path.name}"' in page for path in (folder / name / "figures").iterdir())
        assert json.loads((folder / name / "manifest.json").read_text(encoding="utf-8"))["findings"], name


NAMES = ["a b", "a:b:", "[/x]", "a'b", 'a"b', "a,b", "{a}", "(a", "${nope}", "a\\'b", "a\\", "a\tb", "a\nb", "日本", "~x", "1e3"]


@pytest.mark.parametrize("name", NAMES)
def test_printed_commands_work_when_pasted(name, capsys):
    console = terminal.console_for(True)
    console.print(terminal.command_line("resume", Path(name)))
    console.print(terminal.same_command(Path(name)))
    printed = capsys.readouterr().out.replace("the same command with", "python -m superposition_jax.run")
    script = f"python() {{ printf '%s\\0' \"$3\"; }}\n{printed}"
    pasted = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    resume, override, _ = pasted.split("\0")
    assert resume == f"resume={name}"
    assert OmegaConf.to_container(OmegaConf.create(settings([override])), resolve=True) == {"hydra.sweep.dir": name}
