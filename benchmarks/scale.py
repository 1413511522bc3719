"""What a million and a billion models take: measured here, estimated for accelerators. Writes the tables of docs/scale.md."""

import functools
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import superposition_jax
from benchmarks import limit
from benchmarks.report import ROOT, markdown, replace_between
from benchmarks.settings import PROBLEMS
from superposition_jax import sweep
from superposition_jax.config import run_config
from superposition_jax.engine import devices, population, segments, tiles, tuning
from superposition_jax.engine import trainer as engine

SIZES = ("n=20, m=5", "n=400, m=30")
_START, _END = "<!-- scale: written by `python -m benchmarks.scale`, not by hand -->", "<!-- end of scale -->"


class Chip(NamedTuple):
    """Peak rates of an accelerator as its maker publishes them, and what an hour of it is assumed to cost."""

    name: str
    float32: float
    """Operations a second of elementwise float32; inf where none is published."""
    matrix: float
    """Operations a second of its matrix units."""
    tile: int
    """Side of the square that the matrix unit multiplies: shorter sides of a product are padded to it."""
    bandwidth: float
    """Bytes a second of its memory."""
    dollars: float


CHIPS = (
    Chip("H100 SXM", 67e12, 494e12, 16, 3.35e12, 3.0),
    Chip("TPU v5e, 8 chips", float("inf"), 8 * 197e12, 128, 8 * 0.819e12, 8 * 1.2),
)


@functools.cache
def counted(problem: str) -> dict[str, float]:
    """Operations and bytes of a model's step, from the compiled program of one device."""
    group = run_config.load(PROBLEMS[problem].overrides("fast")).groups[0]
    spec, mesh = group.spec, population.make_mesh(1)
    rows, cells = tiles.tile_shape(group.seeds, tuning.models_at_once(spec, "cpu"), 1)
    numbers = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, np.float32), sweep.take(group.hparams, np.zeros((rows, cells), int))
    )
    programs, seeds = population.jitted(spec, mesh), jax.ShapeDtypeStruct((rows,), np.uint32)
    state = jax.eval_shape(programs["start"], seeds, numbers)
    cost = programs["advance"].lower(seeds, numbers, state, jax.ShapeDtypeStruct((), np.int32)).compile().cost_analysis()
    n, m = spec.n_features, spec.n_hidden
    return {
        "steps": spec.steps,
        "batch": spec.points,
        "operations": cost["flops"] / rows / cells,
        "products": 10.0 * n * m * spec.points,
        "bytes": cost["bytes accessed"] / rows / cells,
        "state_bytes": 2 * 4 * 3 * (n * m + n),
    }


def padded(problem: str, tile: int) -> float:
    """Operations of a model's products where m, n and the batch are padded to whole tiles."""
    size, batch = PROBLEMS[problem], counted(problem)["batch"]
    up = [tile * np.ceil(side / tile) for side in (size.n, size.m, batch)]
    return 10.0 * float(np.prod(up))


def seconds_a_step(problem: str, chip: Chip) -> tuple[float, float]:
    """Roofline of a model's step: if its arrays stay on the chip, and if every array passes through memory."""
    cost = counted(problem)
    elementwise = (cost["operations"] - cost["products"]) / chip.float32
    compute = max(elementwise, padded(problem, chip.tile) / chip.matrix)
    return max(compute, cost["state_bytes"] / chip.bandwidth), max(compute, cost["bytes"] / chip.bandwidth)


def measure(problem: str) -> dict[str, float]:
    """Seconds of a model's step, of a compilation, and of a tile apart from its steps; bytes per model on disk."""
    size = PROBLEMS[problem]
    overrides = size.overrides("fast")
    group = run_config.load(overrides).groups[0]
    step = limit.Training(group).seconds_a_step(40)
    mesh = population.make_mesh(None)
    rows, cells = tiles.tile_shape(group.seeds, tuning.models_at_once(group.spec, "cpu"), mesh.size)
    reports: list[Any] = []
    many = [o.replace(f"range: {size.seeds}", f"range: {10 * rows * mesh.size}") for o in overrides]
    experiment = run_config.load([*many, "train.steps=25", f"runtime.chunk={rows * cells}"])
    began = time.perf_counter()
    engine.Trainer(experiment.groups, devices=None, chunk=rows * cells).train(reports.append)
    spent = time.perf_counter() - began
    compiled = sum(report.seconds for report in reports if isinstance(report, segments.Compiled))
    trained = sum(report.seconds for report in reports if isinstance(report, segments.Advanced))
    finished = sum(isinstance(report, segments.Finished) for report in reports)
    with tempfile.TemporaryDirectory() as folder:
        superposition_jax.run([*overrides, "figures=[]", "runtime.shard=0/1"], directory=folder)
        part = sum(path.stat().st_size for path in Path(folder, "parts").iterdir())
    making, point = points(problem)
    return {
        "point": point,
        "making": making,
        "step": step,
        "compile": compiled,
        "models_a_tile": rows * cells * mesh.size,
        "tile": (spent - compiled - trained) / finished,
        "part": part / size.models,
    }


def points(problem: str, models: int = 200_000) -> tuple[float, float]:
    """Seconds and bytes of host memory per model that a sweep's points take before anything trains."""
    size = PROBLEMS[problem]
    overrides = [o.replace(f"range: {size.seeds}", f"range: {models // len(size.densities)}") for o in size.overrides("fast")]
    code = (
        "import jax, resource, time; from superposition_jax.config import run_config;"
        "from superposition_jax.engine import devices, trainer as engine; devices.set_cpu_devices(None);"
        "jax.devices(); run_config.load([]);"
        "memory = lambda: int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize();"
        "before, began = memory(), time.perf_counter();"
        f"config = run_config.load({overrides!r}); trainer = engine.Trainer(config.groups, devices=None, chunk=None);"
        "print(time.perf_counter() - began, memory() - before)"
    )
    seconds, memory = map(float, subprocess.check_output([sys.executable, "-c", code], text=True).split())
    return seconds / models, memory / models


MULTIRUNS = {
    "48 jobs of 2 Specs": ("data.sparsity=0,0.7,0.9", "model.n_hidden=2,5", "seed=range(8)"),
    "500 jobs of one Spec": ("seed=range(500)",),
}


def multiruns() -> str:
    """Hydra multiruns from process start, compiling afresh: the table of docs/scale.md."""
    rows = []
    for name, overrides in MULTIRUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "superposition_jax.run", "-m", f"hydra.sweep.dir={folder}/out", *overrides]
            began = time.perf_counter()
            output = subprocess.check_output(command, text=True, cwd=folder, env=dict(os.environ, XDG_CACHE_HOME=folder))
            seconds = time.perf_counter() - began
        rows.append([f"{name} (`{' '.join(overrides)}`)", f"{seconds:.1f} s", str(output.count("compiled in"))])
    return markdown(["`-m`, compiling afresh", "start to end", "programs compiled"], rows)


def _number(value: float) -> str:
    """The number rounded to two significant digits."""
    return f"{float(f'{value:.2g}'):,g}"


def _time(seconds: float) -> str:
    for unit, size in (("years", 365 * 86400), ("days", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= 2 * size or unit == "s":
            return f"{_number(seconds / size)} {unit}"
    return ""


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} B"


def _measured(problem: str, costs: dict[str, float]) -> dict[str, str]:
    cost = counted(problem)
    return {
        "steps of `train=fast`, batch": f"{cost['steps']:,}, {cost['batch']}",
        "a model's step": f"{1e6 * costs['step']:.3g} µs",
        "its operations and bytes (from the compiled program)": f"{cost['operations']:,.0f}, {_bytes(cost['bytes'])}",
        "bytes of its state, read and written once": _bytes(cost["state_bytes"]),
        "compilation, once per Spec": f"{costs['compile']:.2g} s",
        "models in a tile": f"{costs['models_a_tile']:,}",
        "a tile apart from its steps (start, evaluation, copies)": f"{1e3 * costs['tile']:.3g} ms",
        "a model on disk": _bytes(costs["part"]),
        "a model's point on the host, and the time to make it": f"{_bytes(costs['point'])}, {_number(1e6 * costs['making'])} µs",
    }


def _estimated(problem: str, costs: dict[str, float], models: int) -> dict[str, str]:
    """What a number of models takes: the measured step times steps, and rooflines."""
    steps = models * counted(problem)["steps"]
    rows = {
        f"{jax.local_device_count()} CPU cores (measured step × steps)": _time(steps * costs["step"]),
        "of which outside the steps (measured tile)": _time(models / costs["models_a_tile"] * costs["tile"]),
    }
    for chip in CHIPS:
        low, high = (steps * seconds for seconds in seconds_a_step(problem, chip))
        dollars = " to ".join(_number(chip.dollars * seconds / 3600) for seconds in (low, high)) + " $"
        rows[f"{chip.name} (roofline)"] = f"{_time(low)} to {_time(high)}, {dollars}"
    return rows | {
        "results (measured bytes × models)": _bytes(models * costs["part"]),
        "host memory of the points (measured bytes × models)": _bytes(models * costs["point"]),
    }


def tables() -> str:
    """The tables of docs/scale.md."""
    devices.set_cpu_devices(None)
    costs = {problem: measure(problem) for problem in SIZES}
    cores = f"measured on {jax.local_device_count()} CPU cores ({platform.machine()})"
    parts = [_table(cores, [_measured(problem, costs[problem]) for problem in SIZES])]
    parts += [
        _table(f"{models:,} models", [_estimated(problem, costs[problem], models) for problem in SIZES])
        for models in (10**6, 10**9)
    ]
    return "\n\n".join([*parts, multiruns()])


def _table(title: str, columns: list[dict[str, str]]) -> str:
    return markdown([title, *SIZES], [[name, *(column[name] for column in columns)] for name in columns[0]])


if __name__ == "__main__":
    replace_between(ROOT / "docs" / "scale.md", _START, _END, tables())
