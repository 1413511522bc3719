"""python -m benchmarks.device [--short] [--seconds 450]

What a machine's devices, GPUs above all, do with this engine: their peaks, whether results are right, two whole commands, and
model-steps a second against models at once, features and batch. Prints tables, and saves JSON in outputs/benchmarks. How to read
them: benchmarks/README.md. Every part is a process that is stopped when its time is over; what it measured until then counts.
"""

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

import superposition_jax
from benchmarks import device_tables, limit, report, scaling, worker
from benchmarks.settings import PROBLEMS
from superposition_jax.config import run_config
from superposition_jax.engine import devices, memory, tuning
from superposition_jax.sweep import Group

Row = dict[str, Any]
"""What was measured of one thing, by name; of a failure the words `failed`."""
SPECS = {
    name: [line for line in PROBLEMS[name].overrides("fast") if "sweep.axes" not in line]
    for name in ("n=2, m=1", "n=20, m=5", "n=80, m=20", "n=400, m=30")
}
"""Configs for which numbers of models at once are compared."""
CHECKED = (("n=2, m=1", 300), ("n=20, m=5", 25), ("n=20, m=5", 1000), ("n=80, m=20", 25))
"""Config and steps of the sweeps whose losses are checked. In 25 steps rounding hardly grows."""
_LEAST_CHECKED = 0.01
"""Least density of those: a plain sample of rarer features has too few inputs with two of them for its error to be normal."""
COMMANDS = {f"`{line}`": [line] for line in ("sweep=sparsity", "experiment=phase_n2m1")}
"""Overrides of the commands that are timed from start to end, by name."""
_SHORT_COMMAND = {"`experiment=phase_n2m1`, 20 steps": ["experiment=phase_n2m1", "train.steps=20", "figures=[]"]}
"""The same for --short."""
_CELLS = 8
"""Densities of the models that are timed or checked."""
_EVALUATED = 64
"""Models at once on a device up to which their evaluation is timed too."""


def peaks(short: bool, seconds: float) -> Iterator[Row]:
    """The devices; then the peaks of one by precision of products, with the relative error of a product."""
    devices.set_cpu_devices(None)
    device = jax.local_devices()[0]
    gigabytes = limit.copy_bandwidth()
    yield {
        "device": devices.in_words(None),
        "platform": device.platform,
        "free": memory.free(device),
        "gigabytes": gigabytes,
        "peaks": 1 if device.platform == "cpu" else jax.device_count(),
    }
    a, b = np.random.default_rng(0).normal(size=(2, 512, 512)).astype(np.float32)
    exact = a.astype(float) @ b.astype(float)
    for precision in ("default", "high", "highest"):
        error = np.asarray(jax.numpy.matmul(a, b, precision=precision)) - exact
        gflops = limit.matrix_peak(precision, side=512 if short else None)
        yield {"precision": precision, "gflops": gflops, "error": np.linalg.norm(error) / np.linalg.norm(exact)}


def losses(short: bool, seconds: float) -> Iterator[Row]:
    """Final losses of small sweeps, and their z against plain sampling in NumPy, by precision of products (CPUs have one)."""
    devices.set_cpu_devices(None)
    random, end = np.random.default_rng(0), time.monotonic() + seconds
    precisions = ("default", "highest")[: 1 if jax.default_backend() == "cpu" else None]
    for (name, steps), precision in itertools.product(CHECKED[:1] if short else CHECKED, precisions):
        if time.monotonic() > end:
            return
        with jax.default_matmul_precision(precision):
            given = [
                *SPECS[name],
                *scaling.axes(2, _CELLS, _LEAST_CHECKED),
                f"train.steps={steps}",
                "runtime.keep_programs=false",
            ]
            dataset = superposition_jax.run(given).stack(model=("density", "seed")).transpose("model", ...)
        loss, stderr = dataset["loss"].values.astype(float), dataset["loss_stderr"].values
        names = ("feature_density", "feature_importance", "W", "b")
        models = zip(*(dataset[name].values for name in names), strict=True)
        sampled = np.array([_sampled_loss(random, *model, inputs=4_000_000) for model in models])
        z = (loss - sampled[:, 0]) / np.hypot(sampled[:, 1], stderr)
        relative = np.median(sampled[:, 1] / sampled[:, 0])
        yield {"spec": name, "steps": steps, "precision": precision, "losses": loss.tolist(), "z": z.tolist(), "error": relative}


def _sampled_loss(random: np.random.Generator, density, importance, w, b, inputs: int) -> tuple[float, float]:
    """The loss of a trained model in double precision, by plain sampling, and its standard error; `inputs` counts features."""
    w, shape = w.astype(float), (len(b), inputs // len(b))
    x = np.where(random.random(shape) < density[:, None], random.random(shape), 0.0)
    error = importance @ (x - np.maximum(w.T @ (w @ x) + b[:, None], 0)) ** 2
    return error.mean(), error.std(ddof=1) / error.size**0.5


def chunks(short: bool, seconds: float) -> Iterator[Row]:
    """Model-steps a second by models at once on a device: the engine's choice, few, and powers of four ever further from it."""
    devices.set_cpu_devices(None)
    names = [*SPECS][: 1 if short else None]
    end = time.monotonic() + seconds
    for k, name in enumerate(names):
        until = time.monotonic() + (end - time.monotonic()) / (len(names) - k)
        chosen = tuning.models_at_once(_group(SPECS[name], 1).spec, jax.default_backend())
        powers = sorted((4**k for k in range(11)), key=lambda size: abs(np.log(size / chosen)))
        ordered = [*dict.fromkeys([chosen, _EVALUATED, *powers])]
        most, per_model = np.inf, 0.0
        for chunk in ordered[: 1 if short else None]:
            if chunk < most and time.monotonic() + 8 * per_model * chunk < until:
                row = {"spec": name, "chunk": chunk, "chosen": chosen, **_timed(SPECS[name], chunk, short)}
                most, per_model = (chunk, per_model) if "failed" in row else (most, row["seconds_a_step"])
                yield row


def sizes(short: bool, seconds: float) -> Iterator[Row]:
    """Model-steps a second by number of features, with batches of 128, and by batch size, with 20 features."""
    devices.set_cpu_devices(None)
    end = time.monotonic() + seconds
    configs = [(f"n={n}", config) for n, config in scaling.FEATURES.items()]
    configs += [(f"batch {size}", config) for size, config in scaling.BATCHES.items()]
    for name, config in configs[: 1 if short else None]:
        chunk = tuning.models_at_once(_group(config, 1).spec, jax.default_backend())
        timed = _timed(config, chunk, short) if time.monotonic() < end else {"failed": "no time was left"}
        yield {"spec": name, "chunk": chunk, "chosen": chunk, **timed}


def _group(config, models: int) -> Group:
    """The models of a config, of eight densities."""
    return run_config.load([*config, *scaling.axes(-(-models // _CELLS), _CELLS)]).groups[0]


def _timed(config, chunk: int, short: bool) -> Row:
    """Seconds of a model's step and evaluation with `chunk` models at once on every device, or why there are none."""
    try:
        group = _group(config, chunk * jax.device_count())
        training = limit.Training(group, chunk)
        programs = training.programs
        sharing = training.devices if jax.default_backend() == "cpu" else 1  # devices with one memory
        needed = sharing * max(map(memory.of_program, (programs.start, programs.advance, programs.finish)))
        if needed > (free := memory.free(jax.local_devices()[0])):
            return {"failed": f"takes {needed / 2**30:.3g} GiB, {free / 2**30:.3g} GiB are free"}
        once = min(training.advance(2) for _ in range(2)) * training.models
        steps = int(np.clip(0.2 / once, 1, (group.spec.steps - 4) // 3))
        step = min(training.advance(steps) for _ in range(1 if short else 3))
        return {
            **limit.rates(group.spec, step),
            **{"seconds_a_step": step, "seconds_a_tile": step * training.models, "compile": programs.compile_seconds},
            **{"bytes": needed, "evaluation": min(training.evaluate() for _ in range(2)) if chunk <= _EVALUATED else None},
        }
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        return {"failed": (str(error).splitlines() or ["out of memory"])[0][:100]}


def commands(short: bool, seconds: float) -> Iterator[Row]:
    """Whole commands, compiling afresh."""
    end, given = time.monotonic() + seconds, _SHORT_COMMAND if short else COMMANDS
    for k, (name, overrides) in enumerate(given.items()):
        left = (end - time.monotonic()) / (len(given) - k)
        try:
            yield {"command": name, **worker.command(["runtime.keep_programs=false", *overrides], left)}
        except (subprocess.TimeoutExpired, RuntimeError) as error:
            late = isinstance(error, subprocess.TimeoutExpired)
            yield {"command": name, "failed": f"stopped after {left:.0f} s" if late else str(error).strip().splitlines()[-1]}


PARTS: dict[str, Callable[[bool, float], Iterator[Row]]] = {
    part.__name__: part for part in (peaks, losses, commands, chunks, sizes)
}
"""Functions (short, seconds) → rows by name, in the order in which they run."""
_WEIGHTS = {"peaks": 30, "losses": 120, "commands": 70, "chunks": 160, "sizes": 70}
"""Shares of the whole time."""
_SOFT = 0.8
"""Share of its time after which a part begins nothing new."""


def measure(short: bool, seconds: float) -> dict[str, Any]:
    """Rows by part, those of `losses` on a CPU too where the devices are others, and errors by part."""
    results: dict[str, Any] = {"errors": {}}
    end = time.monotonic() + seconds
    for part in PARTS:
        share = _WEIGHTS[part] / sum(weight for name, weight in _WEIGHTS.items() if name not in results)
        until = time.monotonic() + share * (end - time.monotonic())
        on = {part: "", **({"losses on a CPU": "cpu"} if part == "losses" and not _is_cpu(results) else {})}
        for k, (name, backend) in enumerate(on.items()):
            left = max(1.0, (until - time.monotonic()) / (len(on) - k))
            arguments = {"part": part, "short": short, "seconds": _SOFT * left}
            results[name], error = worker.stream("device", left, backend, **arguments)
            if error:
                results["errors"][name] = error.strip().splitlines()[-1]
            report.say(f"{name}: {len(results[name])} measured{f', then: {error}' if error else ''}", to=sys.stderr)
    return results


def _is_cpu(results: dict[str, Any]) -> bool:
    return bool(results["peaks"]) and results["peaks"][0]["platform"] == "cpu"


def main() -> None:
    """Measure, save, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description="Measure this machine's GPU, TPU or CPU.")
    parser.add_argument("--short", action="store_true", help="small sizes: only whether everything runs")
    parser.add_argument("--seconds", type=float, default=450, help="after which it ends (450)")
    arguments = parser.parse_args()
    results = measure(arguments.short, arguments.seconds)
    report.say(device_tables.tables(results), f"saved: {report.write('device', results)}")
    sys.exit(bool(results["errors"]))


if __name__ == "__main__":
    main()
