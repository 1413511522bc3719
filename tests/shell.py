"""The command, in a process of its own or in this one, and sweeps that take it no time."""

import contextlib
import io
import logging
import os
import subprocess
import sys
from importlib.metadata import version
from unittest import mock

from hydra.core.singleton import Singleton

from superposition_jax.command import launcher
from superposition_jax.run import main

TINY = ["train.steps=20", "model.n_features=4", "model.n_hidden=2", "figures=[]"]
SWEEP = [*TINY, "sweep=sparsity", "sweep.axes.seed.range=3"]
COMMAND = [sys.executable, "-m", "superposition_jax.run"]
TERMINAL = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def start(*arguments, program=COMMAND, cwd=None, **environment):
    """The command as a user starts it, while it runs."""
    plain = {name: value for name, value in os.environ.items() if name not in TERMINAL}
    command, env = [str(word) for word in (*program, *arguments)], plain | environment
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def run(*arguments, status=None, **given):
    """The command when it has ended, with this status if one is given."""
    process = start(*arguments, **given)
    try:
        done = subprocess.CompletedProcess(arguments, None, *process.communicate(timeout=600))
    finally:
        process.kill()
    done.returncode = process.returncode
    assert status in (None, done.returncode), done.stderr
    return done


def forked(arguments, environment):
    """The command in a process that a fork server has started: at once, since all is imported."""
    sys.argv[1:] = arguments
    os.environ.update(environment)
    main()


def run_here(*arguments, cwd):
    """The same without a new process, which takes two seconds to start; the state of Hydra and of logging is put back.

    Hydra 1.4 warns where this package's tests allow no warning, and its state is another: there a new process it is.
    """
    if version("hydra-core").startswith("1.4"):
        return run(*arguments, cwd=cwd)
    root, hydra = logging.getLogger(), Singleton.get_state()
    handlers, level, status = root.handlers[:], root.level, 0
    with (
        mock.patch.object(sys, "argv", ["superposition_jax", *arguments]),
        mock.patch.object(sys, "path", sys.path[:]),
        mock.patch.object(launcher.BatchLauncher, "latest", None),
        mock.patch.object(logging, "_handlerList", []),  # of which Hydra closes all
        mock.patch.dict(os.environ),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        for name in TERMINAL:
            os.environ.pop(name, None)
        try:
            main()
        except SystemExit as exit:
            status = exit.code or 0
        finally:
            logging.shutdown(logging._handlerList)
            root.handlers[:], root.level = handlers, level
            Singleton.set_state(hydra)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())
