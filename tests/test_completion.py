"""TAB, in shells that really run."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from shell import run

from superposition_jax.command import completion
from superposition_jax.config.compose import conf_dir
from superposition_jax.errors import ConfigError

OURS = {"'+sweep.axes.r={path: seed, va": [], "--li": ["--list"], "--list ex": [], "info=": ["info=out/"]}
OURS |= {"info=out/": ["info=out/first", "info=out/other/"], "sweep=sparsity resume=out/f": ["resume=out/first"]}
OURS |= {"data.values.law=u": ["data.values.law=uniform", "data.values.law=upper"]}
OURS |= {"train.adversarial=": ["train.adversarial=true", "train.adversarial=false"]}


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
    assert "superposition_jax.command.completion" in imported
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
