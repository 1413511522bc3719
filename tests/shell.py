"""The command in a process of its own, and sweeps that take it no time."""

import os
import subprocess
import sys

TINY = ["train.steps=20", "model.n_features=4", "model.n_hidden=2", "figures=[]"]
SWEEP = [*TINY, "sweep=sparsity", "sweep.axes.seed.range=3"]
COMMAND = [sys.executable, "-m", "superposition_jax.run"]


def run(*arguments, cwd, **environment):
    plain = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=plain | environment, capture_output=True, encoding="utf-8", timeout=300
    )
