"""Runs, shards and multiruns that are killed at any change of a file: the same command completes them, and touches no other."""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from copy import deepcopy

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from matplotlib.figure import Figure
from shell import forked, run_here, start
from xarray.testing import assert_equal

import superposition_jax
from superposition_jax import files
from superposition_jax.command import shards
from superposition_jax.experiments.registry import FIGURES

MODEL = ["model.n_features=4", "runtime.devices=1", "runtime.save_every=0"]
SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=2", "runtime.chunk=7", *MODEL]
SHORT = ["train.steps=20", "figures=[blank]"]
LONG = ["train.steps=1500", "train.batch_size=512", "figures=[summary]"]


GONE = 2**24 - 1
"""The number of no process: that of the one that is killed."""


class Killed(BaseException):
    """What the process dies of."""


@contextmanager
def killed_at(change, folder):
    """A context in which the process is dead from some change of files below a folder on; gives the changes that were made."""
    changes = []

    def dying(function):
        def call(path, *arguments, **named):
            if os.path.abspath(path).startswith(f"{folder}{os.sep}"):
                if len(changes) >= change:
                    raise Killed
                changes.append(path)
            return function(path, *arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_sync", lambda path: None)
        patch.setattr(os, "getpid", lambda: GONE)
        for name in ("replace", "unlink", "rmdir", "mkdir"):
            patch.setattr(os, name, dying(getattr(os, name)))
        try:
            yield changes
        except Killed:
            changes.append(None)


def single(folder, *given):
    superposition_jax.run([*SWEEP, *SHORT, *given], directory=folder)


def sharded(folder, *given):
    for index in (0, 1):
        superposition_jax.run([*SWEEP, *SHORT, *given, f"runtime.shard={index}/2"], directory=folder)
    shards.merge(folder)


def multirun(folder, *given):
    done = run_here("-m", "hydra.sweep.dir=work", *MODEL, *SHORT, *given, cwd=folder.parent)
    assert done.returncode == 0, done.stderr


def bystanders(folder):
    """Files of a stranger's beside a run and in its folder."""
    names = ["stranger/results.nc", "stranger/manifest.json", "stranger/parts/0-of-1.npz", "stranger/unfinished/0_0/mine"]
    names += ["work/notes.txt", "work/.results.nc.tmp", "work/figures/mine.png", "work/unfinished.txt"]
    names += ["work/other/manifest.json", "work/other/results.nc"]
    for path in (folder / name for name in names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"name": "an app"}')
    return names


def content(folder):
    """All files and folders below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


KINDS = {
    "a run": (single, (), ()),
    "shards and their merge": (sharded, (), ()),
    "a run over another one": (single, ("train.steps=19", "figures=[blank, empty]"), ("runtime.overwrite=true",)),
    "a multirun": (multirun, (), ("seed=1,2",)),
    "a multirun over another one": (multirun, ("seed=1,2,3", "figures=[blank, empty]"), ("seed=1,2", "runtime.overwrite=True")),
}


def check_states(tmp_path, kind, changes, **limits):
    """Kill a command at each of some changes; returns how many there are."""
    command, before, given = KINDS[kind]
    alone, start, home = tmp_path / "alone", tmp_path / "start", tmp_path / "home"
    names = bystanders(start)
    alone.mkdir()
    command(alone / "work", *given)
    expected, wanted = superposition_jax.load(alone / "work"), content(alone) | content(start)
    if before:
        command(start / "work", *before)
    for change in changes:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(start, home)
        with killed_at(change, home) as made:
            command(home / "work", *given)
        was_killed = None in made
        command(home / "work", *given) if was_killed else None
        assert_equal(superposition_jax.load(home / "work"), expected)
        assert content(home) == wanted, (change, made[-3:])
        assert {(home / name).read_text() for name in names} == {'{"name": "an app"}'}
        if not was_killed:
            return change
    return None


@pytest.fixture
def quick(monkeypatch):
    """Figures that are drawn at once, and configs that Hydra composes once."""
    for name in ("blank", "empty"):
        monkeypatch.setitem(FIGURES, name, lambda dataset: Figure())
    compose, composed = ConfigLoaderImpl.load_configuration, {}

    def load(loader, config_name, overrides, run_mode, **named):
        key = (config_name, *overrides, run_mode, os.getcwd())
        if key not in composed:
            composed[key] = compose(loader, config_name, overrides, run_mode, **named)
        return deepcopy(composed[key])

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", load)


@pytest.mark.parametrize(("kind", "changes"), [("a run", (12,)), ("a multirun", (40,))])
def test_some_states_in_which_a_command_can_be_killed(tmp_path, quick, kind, changes):
    check_states(tmp_path, kind, changes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_command_that_is_killed_at_any_change_of_a_file_completes_when_it_is_given_again(tmp_path, quick, tell, kind):
    """Every fifth change; with $EVERY=1 all of them."""
    every = int(os.environ.get("EVERY", "5"))
    tell(f"{kind}: {check_states(tmp_path, kind, range(0, 1000, every))} states, one in {every} tried, each completed")


COMMANDS = {
    "runs": [[*SWEEP, *LONG, "hydra.run.dir={work}"]],
    "shards": [*([*SWEEP, *LONG, "hydra.run.dir={work}", f"runtime.shard={k}/2"] for k in (0, 1)), ["merge={work}"]],
    "multiruns": [["-m", "seed=1,2", "runtime.chunk=1", *MODEL, *LONG, "hydra.sweep.dir={work}"]],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
def test_kills_at_random_times_change_no_bit_and_no_file_of_others(tmp_path, tell, kind):
    """By SIGKILL, again and again until a command comes through; $KILLS is how many at least.

    Hundreds take longer than a test may: `KILLS=334 pytest -m slow -k random -o faulthandler_timeout=0 tests/test_kills.py`.
    Processes are forked, which starts them at once; with `REAL=1` each is started as a user does.
    """
    wanted_kills, kills, source = int(os.environ.get("KILLS", "20")), 0, random.Random(0)
    environment, context = {"XDG_CACHE_HOME": str(tmp_path / "cache")}, multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["superposition_jax.run", "superposition_jax.command.pipeline", "superposition_jax.explorer"])

    def status_after(arguments, seconds):
        """The exit status of a command that is killed after some seconds."""
        if "REAL" in os.environ:
            process = start(*arguments, **environment)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=seconds)
            process.kill()
            process.communicate()
            return process.returncode
        process = context.Process(target=forked, args=(arguments, environment))
        process.start()
        process.join(timeout=seconds)
        process.kill()
        process.join()
        return process.exitcode

    def complete(folder, patience):
        """Give the commands until each has come through; returns how long each took at last, and how often it was killed."""
        times, killed = [], 0
        for number, command in enumerate(COMMANDS[kind]):
            for seconds in (*(source.uniform(0, limit) for limit in patience[number : number + 1] * 12), 300):
                began = time.perf_counter()
                arguments = [argument.format(work=folder / "work") for argument in command]
                status = status_after(arguments, seconds)
                if status == 0:
                    break
                assert status == -signal.SIGKILL
                killed += 1
            times.append(time.perf_counter() - began)
        return times, killed

    complete(tmp_path / "first", [])
    times, _ = complete(tmp_path / "alone", [])
    names, runs, expected = bystanders(tmp_path / "start"), 0, superposition_jax.load(tmp_path / "alone" / "work")
    wanted = content(tmp_path / "alone") | content(tmp_path / "start")
    while kills < wanted_kills:
        folder, runs = tmp_path / f"run{runs}", runs + 1
        shutil.copytree(tmp_path / "start", folder)
        kills += complete(folder, times)[1]
        assert_equal(superposition_jax.load(folder / "work"), expected)
        assert content(folder) == wanted
        assert {(folder / name).read_text() for name in names} == {'{"name": "an app"}'}
    tell(f"{kills} kills over {runs} {kind}: every result is the same, bit for bit")
