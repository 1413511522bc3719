"""Single measurements, each in a process of its own: thread pools, compiled programs and memory of one cannot touch another."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.settings import PROBLEMS


def measure(what: str, **arguments: Any) -> dict[str, Any]:
    """The result of one of this module's functions, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps({"what": what, **arguments})]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} {arguments}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def torch(problem: str, steps: int) -> dict[str, Any]:
    """The published recipe in PyTorch for so many of its 10,000 steps."""
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


def engine(overrides: list[str], save: bool = False) -> dict[str, Any]:
    """A sweep by this engine. `seconds_a_step` leaves out the first segment; `losses` are (cell …, seed)."""
    began = time.perf_counter()
    from superposition_jax import config, pipeline
    from superposition_jax import engine as the_engine

    parts: dict[str, list[tuple[float, float]]] = {}
    train = the_engine.train

    def listening(groups, *, report, **options):
        def note(event):
            work = event.models * event.steps if isinstance(event, the_engine.Advanced) else event.models
            parts.setdefault(type(event).__name__, []).append((event.seconds, work))
            report(event)

        return train(groups, report=note, **options)

    the_engine.train = listening
    experiment = config.load(["runtime.keep_programs=false", *overrides])
    with tempfile.TemporaryDirectory() as folder:
        dataset = pipeline.run(experiment, directory=folder if save else None)
    total = time.perf_counter() - began
    trained = parts["Advanced"][1:] or parts["Advanced"]
    return {
        "models": experiment.grid.n_points,
        "seconds_a_step": sum(seconds for seconds, _ in trained) / sum(work for _, work in trained),
        "compile": sum(seconds for seconds, _ in parts["Compiled"]),
        "train": sum(seconds for seconds, _ in parts["Advanced"]),
        "evaluate": sum(seconds for seconds, _ in parts["Finished"]),
        "process": total,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "losses": dataset["loss"].values.tolist() if experiment.grid.n_points <= 10_000 else None,
    }


def compile_twice(problem: str) -> dict[str, Any]:
    """Seconds that `population.build` takes, from nothing or from what an earlier process left in the folder of programs."""
    from superposition_jax import config
    from superposition_jax import engine as the_engine

    experiment = config.load([*PROBLEMS[problem].overrides("fast"), "train.curve_points=10"])
    seconds: list[float] = []

    def note(event):
        if isinstance(event, the_engine.Compiled):
            seconds.append(event.seconds)

    the_engine.train(experiment.groups, devices=None, chunk=None, report=note, keep=True)
    return {"compile": sum(seconds)}


def _models(problem: str) -> tuple[np.ndarray, np.ndarray]:
    """Density (model,) and importance (model, feature) of all models, seeds fastest."""
    density, importance = PROBLEMS[problem].cells
    seeds = PROBLEMS[problem].seeds
    return np.repeat(density, seeds), np.repeat(importance, seeds, axis=0)


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(globals()[request.pop("what")](**request)) + "\n")
