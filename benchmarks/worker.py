"""Single measurements, each in its own process: thread pools, compiled programs and memory of one cannot affect another."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.settings import PROBLEMS


def measure(what: str, **arguments: Any) -> dict[str, Any]:
    """The result of one of this module's functions, in a fresh process, with the seconds that the whole `process` took."""
    began = time.perf_counter()
    results, error = stream(what, **arguments)
    if error:
        raise RuntimeError(f"{what} {arguments}: {error}")
    return {**results[-1], "process": time.perf_counter() - began}


def stream(what: str, limit: float | None = None, platform: str = "", **arguments: Any) -> tuple[list[dict[str, Any]], str]:
    """What a function yields in a fresh process within `limit` seconds, and the error that ended it, empty if none did."""
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps({"what": what, **arguments})]
    environment = {**os.environ, "JAX_PLATFORMS": platform} if platform else None
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True)
    try:
        output, errors = process.communicate(timeout=limit)
        error = (errors[-2000:] or f"exit {process.returncode}") if process.returncode else ""
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with what it has started
        (output, _), error = process.communicate(), f"stopped after {limit:.0f} s"
    return [json.loads(line) for line in output.splitlines() if line.startswith("{") and line.endswith("}")], error


def torch(problem: str, steps: int) -> dict[str, Any]:
    """The published recipe in PyTorch, for some of its 10,000 steps."""
    from benchmarks import torch_recipe

    density, importance = _models(problem)
    arguments = (density, importance, PROBLEMS[problem].m)
    torch_recipe.train(*arguments, steps=1, seed=0)
    seconds = torch_recipe.train(*arguments, steps=steps, seed=0).seconds
    return {"seconds_a_step": seconds / steps / len(density)}


def plain(problem: str, steps: int) -> dict[str, Any]:
    """The published recipe in plain vmapped JAX."""
    from benchmarks import plain_jax

    density, importance = _models(problem)
    return {"seconds_a_step": plain_jax.seconds_a_step(density, importance, PROBLEMS[problem].m, steps=steps) / len(density)}


def engine(overrides: list[str]) -> dict[str, Any]:
    """A sweep by this engine, with all that a run does and saves: seconds of its parts from its manifest, `losses` (…, seed)."""
    from superposition_jax.command import pipeline
    from superposition_jax.config import run_config

    experiment = run_config.load(["runtime.keep_programs=false", *overrides])
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        dataset = pipeline.run(experiment, directory=folder)
        whole = time.perf_counter() - began
        seconds = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))["seconds"]
    model_steps = sum(len(group.points) * group.spec.steps for group in experiment.groups)
    return {
        **seconds,
        "all": whole,
        "models": experiment.grid.n_points,
        "seconds_a_step": seconds["train"] / model_steps,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "losses": dataset["loss"].values.tolist() if experiment.grid.n_points <= 10_000 else None,
    }


def second_process(overrides: list[str]) -> dict[str, Any]:
    """`engine` in a process that loads its programs from the disk, where an earlier one has saved them."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        first, second = (measure("engine", overrides=[*overrides, "runtime.keep_programs=true"]) for _ in range(2))
    return second | {"first_compile": first["compile"]}


def command(overrides: list[str], limit: float | None = None) -> dict[str, Any]:
    """The command as a user runs it: seconds from start to end, peak memory, and the size of results.nc."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        arguments = [sys.executable, "-m", "superposition_jax.run", f"hydra.run.dir={folder}/run", *overrides]
        done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=limit)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        seconds = time.perf_counter() - began
        manifest = json.loads(Path(folder, "run", "manifest.json").read_text(encoding="utf-8"))
        return {
            "models": sum(group["models"] for group in manifest["groups"]),
            "seconds": seconds,
            "parts": manifest["seconds"],
            "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
            "results_bytes": Path(folder, "run", "results.nc").stat().st_size,
        }


def device(part: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """The rows of a part of `benchmarks.device`."""
    from benchmarks import device

    yield from device.PARTS[part](**arguments)


def _models(problem: str) -> tuple[np.ndarray, np.ndarray]:
    """Density (model,) and importance (model, feature) of all models, seeds fastest."""
    density, importance = PROBLEMS[problem].cells
    seeds = PROBLEMS[problem].seeds
    return np.repeat(density, seeds), np.repeat(importance, seeds, axis=0)


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    result = globals()[request.pop("what")](**request)
    for row in [result] if isinstance(result, dict) else result:
        sys.stdout.write(json.dumps(row, default=float) + "\n")
        sys.stdout.flush()
