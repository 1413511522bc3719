"""What `info=` writes of run folders, good and bad."""

import json
import os
import platform
import re
import subprocess
import sys

import pytest
from shell import SWEEP, TINY, run_here

import superposition_jax
from superposition_jax.command import folder_commands, info, terminal
from superposition_jax.config import run_config
from superposition_jax.errors import ConfigError
from superposition_jax.storage import claim, identity
from superposition_jax.storage.checkpoint import RunStore


def contents(folder):
    """Every file with its content and times."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in paths}


def rows_of(folder):
    """The rows about a folder by name, of equal names the last; the folder is as before."""
    before = contents(folder)
    rows = dict(info.rows(folder))
    assert contents(folder) == before
    return rows


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, superposition_jax.run(SWEEP, directory=folder)


def test_a_finished_run(finished):
    folder, dataset = finished
    rows = rows_of(folder)
    best, median = dataset["loss"].min("seed"), dataset["loss"].median("seed")
    ends = [f"{float(end):.4g}" for of in (best, median) for end in (of.min(), of.max())]
    assert rows["loss"] == "best of seeds {} … {}, median {} … {} over 7 cells".format(*ends)
    assert (rows["name"], rows["status"], rows["models"]) == ("sparsity", "finished", "21: 21 ok, 0 diverged, 0 missing")
    axes = [text for name, text in info.rows(folder) if name == "axis"]
    assert axes[0] == "sparsity (data.sparsity): 0, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999"
    assert axes[-1] == "seed (seed): 0, 1, 2"
    assert f"jax {identity.versions()['jax']}" in rows["versions"]
    assert re.fullmatch(r"\d+\.\d s \(compile .*", rows["took"])
    assert any(text.startswith("results.nc  ") for name, text in info.rows(folder) if name == "files")
    assert rows["open"] == f"superposition_jax.load({str(folder)!r})"
    assert "go on" not in rows


def test_shards_and_diverged_models(tmp_path):
    folder = tmp_path / "run"
    overrides = [*TINY, "+sweep.axes.rate={path: train.learning_rate, values: [0.01, 1.e+38]}"]
    superposition_jax.run([*overrides, "runtime.shard=0/2"], directory=folder)
    rows = rows_of(folder)
    assert rows["status"] == "not finished; nobody trains here"
    assert rows["shards"] == "1 of 2 have parts; none of 1/2"
    assert rows["models"].endswith("1 missing")
    assert rows["go on"] == f"python -m superposition_jax.run resume={folder} runtime.shard=i/2"
    dataset = superposition_jax.run([*overrides, "runtime.shard=1/2"], directory=folder)
    rows = rows_of(folder)
    assert rows["models"] == "2: 1 ok, 1 diverged, 0 missing"
    assert rows["loss"] == f"{float(dataset['loss'].sel(rate=0.01)):.4g}"
    assert rows["go on"] == f"python -m superposition_jax.run merge={folder}"


def test_who_trains_and_who_has_left(tmp_path):
    config, folder = run_config.load(SWEEP), tmp_path / "a run"
    with RunStore(folder, identity.of_config(config), 60):
        claim.prepare_folder(config, folder)
        rows = rows_of(folder)
        assert rows["status"] == f"process {os.getpid()} on {platform.node()} trains"
        assert (rows["models"], rows["loss"]) == ("21: 0 ok, 0 diverged, 21 missing", "none yet")
        assert "go on" not in rows
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    elsewhere = (os.getpid(), "elsewhere", "trains, or has left: its machine is not this one")
    for pid, host, words in ((gone.pid, platform.node(), "has left it unfinished"), elsewhere):
        (folder / "state").mkdir(exist_ok=True)
        (folder / "state" / "0-of-1.json").write_text(json.dumps({"pid": pid, "host": host}))
        rows = rows_of(folder)
        assert rows["status"] == f"process {pid} on {host} {words}"
        assert rows["go on"] == terminal.command_line("resume", folder)
        assert f"resume='{folder}'" in rows["go on"]


def test_multiruns_and_folders_of_runs(tmp_path, finished):
    config, folder = run_config.load(SWEEP), tmp_path / "multirun"
    claim.prepare_multirun({folder / "0": config, folder / "1": config}, folder / "unfinished" / "0_0")
    assert rows_of(folder)["go on"] == f"the same command with hydra.sweep.dir={folder}"
    assert run_here("-m", *TINY, "seed=0,1", "data.sparsity=0,2", f"hydra.sweep.dir={folder}2", cwd=tmp_path).returncode == 1
    rows = rows_of(tmp_path / "multirun2")
    assert (rows["jobs"], rows["models"]) == ("4, 2 failed", "4: 2 ok, 0 diverged, 2 missing")
    assert "seed=1 data.sparsity=2: data.sparsity = 2: must be" in rows["failed"]
    assert rows["files"].startswith("folders of 2 runs, ")
    above = rows_of(tmp_path)
    assert sorted(above) == ["multirun2", "multirun2/0", "multirun2/2"]
    assert all(text.startswith("finished, ") for text in above.values())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, lambda content: content[:-100]) for name in ("results.nc", "manifest.json")),
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
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    with pytest.raises(ConfigError, match="damaged") as refused:
        folder_commands.answer([f"info={folder}"])
    assert "\n" not in str(refused.value)


def test_a_stranger_does_not_steer_the_terminal(finished, tmp_path, capsys):
    there = json.loads((finished[0] / "manifest.json").read_text()) | {"findings": ["\x1b[2Jtwo\nlines"]}
    (tmp_path / "results.nc").write_bytes((finished[0] / "results.nc").read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps(there))
    assert folder_commands.answer([f"info={tmp_path}"])
    assert "found     [2Jtwolines\n" in capsys.readouterr().out


def test_what_is_no_run_is_one_line(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for folder in (tmp_path / "notes.txt", tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match="no run there"):
            folder_commands.answer([f"info={folder}"])
    done = run_here(f"info={tmp_path}", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"superposition_jax: info = {str(tmp_path)!r}: no run there\n"
    assert [*tmp_path.iterdir()] == [tmp_path / "notes.txt"]
    with pytest.raises(ConfigError, match=r"train\.steps = '5': info=\. takes nothing beside it"):
        folder_commands.answer(["info=.", "train.steps=5"])


def test_info_is_plain_in_a_pipe(finished, capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert folder_commands.answer([f"info={finished[0]}"])
    title, *lines, end = capsys.readouterr().out.splitlines()
    assert (title, end) == (str(finished[0]), "")
    assert [tuple(line.split(maxsplit=1)) for line in lines] == info.rows(finished[0])
