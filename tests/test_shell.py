"""Comfort at the shell: what `--list` and `info=` write, and TAB in shells that really run."""

import json
import os
import platform
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

import superposition_jax
from superposition_jax import catalogue, commands, completion, config, inventory, manifest, pipeline
from superposition_jax.compose import conf_dir
from superposition_jax.errors import ConfigError
from superposition_jax.schema import LEAVES, Choice
from superposition_jax.store import Store

TINY = ["train.steps=20", "model.n_features=4", "model.n_hidden=2", "figures=[]"]
SWEEP = [*TINY, "sweep=sparsity", "sweep.axes.seed.range=3"]
COMMAND = [sys.executable, "-m", "superposition_jax.run"]


def run(*arguments, cwd, **environment):
    plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=plain | environment, capture_output=True, encoding="utf-8", timeout=300
    )


# ------------------------------------------------------------------------------------------------------------ --list


def test_everything_with_a_name_has_a_line():
    sections = {section.title.partition("=")[0]: section.entries for section in catalogue.sections([])}
    assert [name for entries in sections.values() for name, text in entries.items() if not text] == []
    for folder in Path(conf_dir()).iterdir():
        if folder.is_dir():
            assert [*sections[folder.name]] == sorted(file.stem for file in folder.glob("*.yaml"))
    for key, rule in LEAVES.items():
        if isinstance(rule, Choice) and isinstance(rule.names, dict):
            assert [*rule.names] in [[*entries] for entries in sections.values()], key
    assert sections["experiment"]["l1"] == "An L1 penalty on the hidden activations removes superposition, at a higher loss."
    assert sections["data.importance.kind"]["geometric"] == "I_i = decay^i"
    assert sections["tables"]["superposed"].startswith("Number of represented features")


def test_the_list_is_plain_in_a_pipe_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert commands.catalogue(["--list"])
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    assert "\n  learning_rate  Is it a phase or the optimiser? The same sparsities at learning rates over two decades.\n" in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert commands.catalogue(["--list"])
    coloured = capsys.readouterr().out
    assert "\x1b" in coloured
    lines = re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()
    assert max(map(len, lines)) <= 80
    words = re.sub(r"\W", "", "".join(lines))
    assert all(name in words for name in ("vulnerability_by_packing", "Theplateau", "quadrature"))


MINE = """
from superposition_jax import geometry, objective, targets
from superposition_jax.types import Measure

targets.TARGETS["negative"] = targets.Target(lambda x: -x, meaning="y = −x")
objective.PENALTIES["nothing"] = lambda h: 0 * h.sum(axis=0)


def largest_norm(w):
    return geometry.feature_norm(w).max()


geometry.MEASURES[largest_norm] = Measure((), "max of the norms")
"""


def test_the_list_has_what_imports_add(tmp_path):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    done = run("--list", "imports=[mine]", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["negative", "y = −x"] in lines
    assert ["largest_norm", "max of the norms"] in lines
    assert ["nothing"] in lines


@pytest.mark.parametrize("other", ["sweep=sparsity", "experiments", "imports=7", "imports=[nowhere]"])
def test_the_list_takes_imports_only(other):
    with pytest.raises(ConfigError, match=re.escape(other.partition("=")[0])):
        commands.catalogue(["--list", other])


# ------------------------------------------------------------------------------------------------------------- info=


def held(folder):
    """Every file with its content and times."""
    return {
        path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in [folder, *sorted(folder.rglob("*"))]
    }


def told(folder):
    """The rows about a folder by name, of equal names the last; the folder is as before."""
    before = held(folder)
    rows = dict(inventory.rows(folder))
    assert held(folder) == before
    return rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, superposition_jax.run(SWEEP, directory=folder)


def test_a_finished_run(finished):
    folder, dataset = finished
    rows = told(folder)
    best, median = dataset["loss"].min("seed"), dataset["loss"].median("seed")
    ends = [f"{float(end):.4g}" for of in (best, median) for end in (of.min(), of.max())]
    assert rows["loss"] == "best of seeds {} … {}, median {} … {} over 7 cells".format(*ends)
    assert (rows["name"], rows["status"], rows["models"]) == ("sparsity", "finished", "21: 21 ok, 0 diverged, 0 missing")
    axes = [text for name, text in inventory.rows(folder) if name == "axis"]
    assert axes[0] == "sparsity (data.sparsity): 0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999"
    assert axes[-1] == "seed (seed): 0, 1, 2"
    assert f"jax {manifest.versions()['jax']}" in rows["versions"]
    assert re.fullmatch(r"\d+\.\d s \(compile .*", rows["took"])
    assert any(text.startswith("results.nc  ") for name, text in inventory.rows(folder) if name == "files")
    assert rows["open"] == f"superposition_jax.load({str(folder)!r})"
    assert "go on" not in rows


def test_shards_and_diverged_models(tmp_path):
    folder = tmp_path / "run"
    overrides = [*TINY, "+sweep.axes.rate={path: train.learning_rate, values: [0.01, 1.e+38]}"]
    superposition_jax.run([*overrides, "runtime.shard=0/2"], directory=folder)
    rows = told(folder)
    assert rows["status"] == "not finished; nobody trains here"
    assert rows["shards"] == "1 of 2 have parts; none of 1/2"
    assert rows["models"].endswith("1 missing")
    assert rows["go on"] == f"python -m superposition_jax.run resume={folder} runtime.shard=i/2"
    dataset = superposition_jax.run([*overrides, "runtime.shard=1/2"], directory=folder)
    rows = told(folder)
    assert rows["models"] == "2: 1 ok, 1 diverged, 0 missing"
    assert rows["loss"] == f"{float(dataset['loss'].sel(rate=0.01)):.4g}"
    assert rows["go on"] == f"python -m superposition_jax.run merge={folder}"


def test_who_trains_and_who_has_left(tmp_path):
    experiment, folder = config.load(SWEEP), tmp_path / "a run"
    with Store(folder, manifest.about(experiment), 60):
        manifest.begin(experiment, folder)
        rows = told(folder)
        assert rows["status"] == f"process {os.getpid()} on {platform.node()} trains"
        assert (rows["models"], rows["loss"]) == ("21: 0 ok, 0 diverged, 21 missing", "none yet")
        assert "go on" not in rows
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid, host, words in (
        (gone.pid, platform.node(), "has left it unfinished"),
        (os.getpid(), "elsewhere", "trains, or has left: its machine is not this one"),
    ):
        (folder / "state").mkdir(exist_ok=True)
        (folder / "state" / "0-of-1.json").write_text(json.dumps({"pid": pid, "host": host}))
        rows = told(folder)
        assert rows["status"] == f"process {pid} on {host} {words}"
        assert rows["go on"] == pipeline.again(experiment, folder)
        assert f"resume='{folder}'" in rows["go on"]


def test_multiruns_and_folders_of_runs(tmp_path, finished):
    experiment, folder = config.load(SWEEP), tmp_path / "multirun"
    manifest.begin_all([experiment, experiment], folder / "unfinished" / "0_0")
    assert told(folder)["go on"] == f"the same command with hydra.sweep.dir={folder}"
    assert run("-m", *TINY, "seed=0,1", "data.sparsity=0,2", f"hydra.sweep.dir={folder}2", cwd=tmp_path).returncode == 1
    rows = told(tmp_path / "multirun2")
    assert (rows["jobs"], rows["models"]) == ("4, 2 failed", "4: 2 ok, 0 diverged, 2 missing")
    assert "seed=1 data.sparsity=2: data.sparsity = 2: must be" in rows["failed"]
    assert rows["files"].startswith("folders of 2 runs, ")
    above = told(tmp_path)
    assert sorted(above) == ["multirun2", "multirun2/0", "multirun2/2"]
    assert all(text.startswith("finished, ") for text in above.values())


def spoil(folder, name, change):
    (folder / name).write_bytes(change((folder / name).read_bytes()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("results.nc", lambda content: content[:-100]),
        ("manifest.json", lambda content: content[:-100]),
        ("manifest.json", lambda content: b"[]"),
        ("manifest.json", lambda content: content.replace(b'"finished"', b'"running"').replace(b'"axes"', b'"other"')),
        ("manifest.json", lambda content: content.replace(b'"all"', b'"none"')),
    ],
)
def test_what_is_damaged_is_one_line(finished, tmp_path, name, change):
    folder = tmp_path / "run"
    folder.mkdir()
    for file in ("results.nc", "manifest.json"):
        (folder / file).write_bytes((finished[0] / file).read_bytes())
    spoil(folder, name, change)
    with pytest.raises(ConfigError, match="damaged") as refused:
        commands.on_folder([f"info={folder}"])
    assert "\n" not in str(refused.value)


def test_a_stranger_does_not_steer_the_terminal(finished, tmp_path, capsys):
    there = json.loads((finished[0] / "manifest.json").read_text()) | {"findings": ["\x1b[2Jtwo\nlines"]}
    (tmp_path / "results.nc").write_bytes((finished[0] / "results.nc").read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(there))
    assert commands.on_folder([f"info={tmp_path}"])
    assert "found     [2Jtwolines\n" in capsys.readouterr().out


def test_what_is_no_run_is_one_line(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path / "notes.txt", tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="no run there"):
            commands.on_folder([f"info={folder}"])
    done = run(f"info={tmp_path}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"superposition_jax: info = {str(tmp_path)!r}: no run there\n"
    assert [*tmp_path.iterdir()] == [tmp_path / "notes.txt"]
    with pytest.raises(ConfigError, match=r"train\.steps = '5': info=\. takes nothing beside it"):
        commands.on_folder(["info=.", "train.steps=5"])


def test_info_is_plain_in_a_pipe(finished, capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert commands.on_folder([f"info={finished[0]}"])
    title, *lines, end = capsys.readouterr().out.splitlines()
    assert (title, end) == (str(finished[0]), "")
    assert [tuple(line.split(maxsplit=1)) for line in lines] == inventory.rows(finished[0])


# --------------------------------------------------------------------------------------------------------------- TAB


OURS = {
    "'+sweep.axes.r={path: seed, va": [],
    "info=": ["info=out/"],
    "info=out/": ["info=out/first", "info=out/other/"],
    "sweep=sparsity resume=out/f": ["resume=out/first"],
    "--li": ["--list"],
    "--list ex": [],
    "data.values.law=u": ["data.values.law=uniform", "data.values.law=upper"],
    "train.adversarial=": ["train.adversarial=true", "train.adversarial=false"],
}


def asking(line, monkeypatch):
    monkeypatch.setenv("COMP_LINE", f"superposition-jax {line}")
    monkeypatch.delenv("COMP_POINT", raising=False)


@pytest.mark.parametrize("line", OURS)
def test_what_hydra_does_not_complete(line, tmp_path, monkeypatch, capsys):
    for folder in ("out/first/parts", "out/other", "a b"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "out" / "first" / "manifest.json").touch()
    monkeypatch.chdir(tmp_path)
    asking(line, monkeypatch)
    assert completion.answer(["-sc", "query=bash"])
    assert capsys.readouterr().out.splitlines() == OURS[line]


@pytest.mark.parametrize("arguments", [["-sc"], ["-sc", "install=fish"], ["--shell-completion", "install=bash", "more"]])
def test_other_shells_are_refused_in_one_line(arguments):
    with pytest.raises(ConfigError, match=r"-sc takes install= or uninstall=, bash or zsh$"):
        completion.answer(arguments)


def test_the_cursor_ends_the_line(monkeypatch, capsys):
    asking("data.values.law=up sweep=sparsity", monkeypatch)
    monkeypatch.setenv("COMP_POINT", str(len("superposition-jax data.values.law=u")))
    assert completion.answer(["-sc", "query=bash"])
    assert capsys.readouterr().out == "data.values.law=uniform\ndata.values.law=upper\n"


def test_tab_does_not_wait_for_jax(tmp_path):
    line = "superposition-jax -m re"
    done = run("-sc", "query=bash", cwd=tmp_path, COMP_LINE=line, COMP_POINT=str(len(line)), PYTHONPROFILEIMPORTTIME="1")
    assert (done.returncode, done.stdout.split()) == (0, ["resume="])
    imported = {words.rpartition("|")[2].strip() for words in done.stderr.splitlines()}
    assert "superposition_jax.completion" in imported
    assert not imported & {"jax", "matplotlib", "xarray", "rich.console"}


SHELLS = {"bash": ["bash", "--noprofile", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"]}


class Terminal:
    """A shell in a terminal of its own, with completion installed as the README says."""

    def __init__(self, shell, home):
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (60, 200))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "HOME": str(home), "TERM": "dumb", "PS1": "$ ", "INPUTRC": "/dev/null"}
        self.shell = subprocess.Popen(
            SHELLS[shell], cwd=home, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.type(f'eval "$(superposition-jax -sc install={shell})"; echo install""ed\n', until=r"\ninstalled")

    def type(self, keys, until):
        """What is to be seen until a pattern is."""
        os.write(self.ours, keys.encode())
        seen, end = "", time.monotonic() + 60
        while not re.search(until, seen):
            assert time.monotonic() < end, seen
            if select.select([self.ours], [], [], 1)[0]:
                seen += os.read(self.ours, 4096).decode(errors="replace")
        return seen

    def close(self):
        self.shell.kill()
        self.shell.wait()
        os.close(self.ours)


@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=pytest.mark.zsh)])
def test_tab(shell, tmp_path):
    terminal = Terminal(shell, tmp_path)
    try:
        assert "sweep=sparsity" in terminal.type("superposition-jax sweep=sp\t", until="sparsity")
        axis = "superposition-jax '+sweep.axes.rate={path: train.learning_rate, values: [0.01, 0.02]}'"
        assert "preset=full" in terminal.type(f"\x15{axis} preset=f\t", until="full")
        names = {path.stem for path in Path(conf_dir(), "experiment").glob("*.yaml")} | {"all"}
        every = "".join(rf"(?=[\s\S]*experiment={name}\s)" for name in names)
        seen = terminal.type("\x15superposition-jax experiment=\t\t", until=every)
        assert {*re.findall(r"experiment=(\w+)", seen)} == names
    finally:
        terminal.close()
