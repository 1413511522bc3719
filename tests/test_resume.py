"""A run that is stopped, killed, or started twice gives what it would have given, or says what is wrong."""

import errno
import fcntl
import json
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from shell import run, run_here, start
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax import version
from superposition_jax.config import compose
from superposition_jax.engine import segments, stopping
from superposition_jax.errors import ConfigError
from superposition_jax.storage import holders, identity
from superposition_jax.storage.checkpoint import RunStore

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=6", "train.steps=300", "model.n_features=5", "figures=[]"]
OFTEN = ["runtime.chunk=7", "runtime.devices=1", "runtime.save_every=0"]
LONG = [*SWEEP, *OFTEN, "train.steps=20000", "train.batch_size=1024"]


@pytest.fixture(scope="module")
def whole():
    return superposition_jax.run([*SWEEP, *OFTEN])


@contextmanager
def stopped_after(count):
    """What runs in this context is asked to stop after so many segments, as a signal does."""
    asked, advance = [], segments._advance

    def counted(programs, group, tile, report, store, start):
        def told(event):
            report(event)
            if isinstance(event, segments.Advanced):
                asked.append(event)

        return advance(programs, group, tile, told, store, start)

    def stop_if_asked():
        if len(asked) == count:
            raise stopping.Stopped(signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "_advance", counted)
        patch.setattr(stopping, "asked", lambda: len(asked) == count)
        patch.setattr(stopping, "stop_if_asked", stop_if_asked)
        with pytest.raises(stopping.Stopped):
            yield


@pytest.mark.parametrize("count", [1, 3, 6, 7, 12])
def test_a_stopped_run_goes_on_to_the_same_bits(whole, tmp_path, count):
    with stopped_after(count):
        superposition_jax.run([*SWEEP, *OFTEN], directory=tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "running"
    assert_equal(superposition_jax.run([*SWEEP, *OFTEN], directory=tmp_path), whole)
    assert not (tmp_path / "parts").exists()
    assert not (tmp_path / "state").exists()


def test_a_damaged_state_is_not_used(whole, tmp_path):
    with stopped_after(2):
        superposition_jax.run([*SWEEP, *OFTEN], directory=tmp_path)
    [state] = (tmp_path / "state").glob("*.npz")
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 4
    state.write_bytes(content)
    assert_equal(superposition_jax.run([*SWEEP, *OFTEN], directory=tmp_path), whole)


def test_a_refused_command_keeps_the_state(tmp_path):
    with stopped_after(2):
        superposition_jax.run([*SWEEP, *OFTEN], directory=tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "state").glob("*.npz")}
    with pytest.raises(ConfigError, match=r"train\.steps = 300 there, 200 here"):
        superposition_jax.run([*SWEEP, *OFTEN, "train.steps=200"], directory=tmp_path)
    assert before == {path: path.read_bytes() for path in (tmp_path / "state").glob("*.npz")} != {}


@pytest.mark.parametrize("overwrite", ["true", "false"])
def test_the_state_of_another_run_is_not_used(tmp_path, overwrite):
    """Overwritten, or its manifest deleted."""
    other = [*SWEEP, *OFTEN, "train.learning_rate=0.01", f"runtime.overwrite={overwrite}"]
    with stopped_after(2):
        superposition_jax.run([*SWEEP, *OFTEN, "runtime.chunk=42"], directory=tmp_path)
    if overwrite == "false":
        (tmp_path / "manifest.json").unlink()
    whole = superposition_jax.run([*other, "runtime.chunk=42"])
    assert_equal(superposition_jax.run([*other, "runtime.chunk=42"], directory=tmp_path), whole)


def test_a_finished_run_is_not_trained_again_unless_asked(tmp_path, capsys):
    superposition_jax.run(SWEEP, directory=tmp_path)
    before = (tmp_path / "results.nc").stat().st_mtime_ns
    superposition_jax.run(SWEEP, directory=tmp_path, progress=True)
    assert "is finished" in capsys.readouterr().out
    assert (tmp_path / "results.nc").stat().st_mtime_ns == before
    superposition_jax.run([*SWEEP, "runtime.overwrite=true"], directory=tmp_path)
    assert (tmp_path / "results.nc").stat().st_mtime_ns > before


def test_another_config_or_version_is_refused_with_the_difference(tmp_path, monkeypatch):
    superposition_jax.run(SWEEP, directory=tmp_path)
    with pytest.raises(ConfigError, match=r"train\.steps = 300 there, 200 here; use another folder, or runtime\.overwrite=true"):
        superposition_jax.run([*SWEEP, "train.steps=200"], directory=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["versions"]["jax"] = "0.1"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"version of jax = '0\.1' there"):
        superposition_jax.run(SWEEP, directory=tmp_path)
    superposition_jax.run([*SWEEP, "train.steps=200", "runtime.overwrite=true"], directory=tmp_path)


def test_a_changed_file_changes_the_digest_of_what_it_decides(tmp_path):
    decides = {version.TRAINING: ["types.py", "core/model.py", "engine/tuning.py", "config/recipe.py"]}
    decides |= {version.TABLES: ["theory/bounds.py", "experiments/solids/table.py"]}
    package, decides_neither = tmp_path / "package", ["command/progress.py", "results/assemble.py", "explorer/content.py"]
    shutil.copytree(Path(superposition_jax.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    for file in [*decides_neither, *(file for files in decides.values() for file in files)]:
        source = (package / file).read_bytes()
        (package / file).write_bytes(source + b"# a comment\n")
        changed = [parts for parts in decides if version.digest.__wrapped__(parts, package) != version.digest(parts)]
        assert changed == [parts for parts, files in decides.items() if file in files], file
        (package / file).write_bytes(source)


def test_a_run_may_go_on_with_other_tables_but_not_with_other_training():
    versions, composed = identity.versions(), compose.compose([])
    decisive = identity.decisive(composed, versions)
    assert decisive == identity.decisive(composed, versions | {"experiments": "changed"})
    assert decisive != identity.decisive(composed, versions | {"source": "changed"})
    assert decisive["version of source"] == version.digest(version.TRAINING)


def until(condition, process):
    while not condition() and process.poll() is None:
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_its_status_and_the_command_that_goes_on(tmp_path, number, status):
    sweep = [*SWEEP, *OFTEN, "train.steps=4000", "train.batch_size=1024"]
    folder, alone = tmp_path / "run", tmp_path / "alone"
    process = start(*sweep, f"hydra.run.dir={folder}")
    until(lambda: [*folder.glob("state/*.npz")], process)
    asked = time.perf_counter()
    process.send_signal(number)
    told, complaint = process.communicate(timeout=100)
    assert time.perf_counter() - asked < 2.5  # a segment, and two seconds
    assert process.returncode == status, complaint
    again = f"python -m superposition_jax.run resume={folder}"
    assert again in told
    assert complaint == ""
    assert "before" in run(f"resume={folder}").stdout
    run(*sweep, f"hydra.run.dir={alone}")
    assert_equal(superposition_jax.load(folder), superposition_jax.load(alone))


@pytest.mark.slow
def test_a_second_signal_stops_at_once_and_loses_no_part(tmp_path):
    process = start(*LONG, "sweep.axes.seed.range=50", f"hydra.run.dir={tmp_path}")
    until(lambda: [*tmp_path.glob("parts/*.npz")], process)
    parts = {path.name for path in tmp_path.glob("parts/*.npz")}
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (130, 143)
    assert parts <= {path.name for path in tmp_path.glob("parts/*.npz")}
    assert int((superposition_jax.load(tmp_path)["status"] == 1).sum()) >= 7 * len(parts)


@pytest.mark.slow
def test_two_processes_in_one_folder(tmp_path):
    first = start(*LONG, f"hydra.run.dir={tmp_path}")
    until(lambda: [*tmp_path.glob("state/*.npz")], first)
    complaint = run(*LONG, f"hydra.run.dir={tmp_path}").stderr
    assert f"process {first.pid} on " in complaint
    assert complaint.count("\n") == 1
    first.kill()
    first.communicate()
    goes_on = start(*LONG, f"hydra.run.dir={tmp_path}")
    line = goes_on.stdout.readline() + goes_on.stdout.readline()
    assert f"process {first.pid} on " in line
    assert "going on" in line
    goes_on.kill()
    goes_on.communicate()
    assert superposition_jax.load(tmp_path)["status"].shape == (7, 6)


def test_a_run_that_died_while_it_drew_is_drawn_without_training(whole, tmp_path, monkeypatch):
    from superposition_jax.experiments import figures

    draws = [*SWEEP, *OFTEN, "figures=[summary]"]
    with monkeypatch.context() as patch:
        patch.setattr(figures, "draw", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            superposition_jax.run(draws, directory=tmp_path)
    monkeypatch.setattr(segments, "_advance", lambda *_: 1 / 0)
    assert_equal(superposition_jax.run(draws, directory=tmp_path), whole)
    assert (tmp_path / "figures" / "summary.png").exists()
    assert not (tmp_path / "parts").exists()


@pytest.mark.slow
def test_a_multirun_goes_on_and_refuses_others(tmp_path):
    """Stopped while it trains: another multirun there, and a second process, touch nothing; the same command goes on."""
    long = [*OFTEN, "model.n_features=5", "train.steps=3000", "train.batch_size=1024", "figures=[]"]
    jobs = ["-m", "data.sparsity=0.5,0.9", "seed=range(4)", *long, "runtime.chunk=1"]
    folder, alone = tmp_path / "stopped", tmp_path / "alone"

    def give(*more, folder=folder, status=0):
        done = run_here(*jobs, f"hydra.sweep.dir={folder}", *more, cwd=tmp_path)
        assert done.returncode == status, done.stderr
        return done

    give(folder=alone)
    first = start(*jobs, f"hydra.sweep.dir={folder}")
    until(lambda: [*folder.glob("unfinished/*/parts/*.npz")], first)
    first.send_signal(signal.SIGSTOP)
    parts = [*folder.glob("unfinished/*/parts/*.npz")]
    assert 0 < len(parts) < 8
    assert f"process {first.pid} on " in give(status=2).stderr
    assert parts == [*folder.glob("unfinished/*/parts/*.npz")]
    first.send_signal(signal.SIGTERM)
    first.send_signal(signal.SIGCONT)
    assert f"the same command with hydra.sweep.dir={folder}" in first.communicate(timeout=300)[0]
    assert first.returncode == 143
    parts = [*folder.glob("unfinished/*/parts/*.npz")]
    assert "train.steps = 3000 there, 300 here" in give("train.steps=300", status=2).stderr
    assert parts == [*folder.glob("unfinished/*/parts/*.npz")]
    assert "steps before" in give().stdout
    assert_equal(superposition_jax.load(folder), superposition_jax.load(alone))
    assert not (folder / "unfinished").exists()
    assert give().stdout == f"{folder}: is finished; runtime.overwrite=true trains it again\n"


@pytest.mark.filterwarnings("ignore:.*flock")
def test_a_file_system_without_flock_is_locked_too(tmp_path, monkeypatch):
    def flock(file, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    for _ in range(2):
        with RunStore(tmp_path, identity.RunIdentity({}), 1.0), pytest.raises(ConfigError, match="trains here"):
            RunStore(tmp_path, identity.RunIdentity({}), 1.0).__enter__()
    assert not [*tmp_path.rglob("*.lock")]


BUSY = {
    "saves": (
        "with stopping.saving:\n        print('busy', flush=True)\n        time.sleep(1.5)\n        print('saved')",
        "saved\n",
    ),
    "is not in Python": ("print('busy', flush=True)", ""),
}


@pytest.mark.parametrize("what", BUSY)
def test_ctrl_c_is_answered_by_a_process_that(tmp_path, what):
    """With the last words, but it does not cut off what is being saved."""
    busy, saved = BUSY[what]
    code = "import ctypes, time; from superposition_jax.engine import stopping\nstopping._SECONDS = 0.5\n"
    code += f"with stopping.handled(), stopping.last_words(lambda: print('go on')):\n    {busy}\n"
    code += "    while True: ctypes.CDLL(None).poll(None, 0, 60_000)"
    process = start(program=[sys.executable, "-c", code], cwd=tmp_path)
    assert process.stdout.readline() == "busy\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=10)[0] == f"{saved}go on\n"
    assert process.returncode == 143


def test_processes_that_only_look_who_trains_do_not_refuse_each_other(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/1-of-3.lock").touch()

    def look(_):
        for _ in range(25):
            holders.refuse_training(tmp_path)

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(look, range(4))] == [None] * 4
