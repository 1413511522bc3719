"""How close a step comes to the machine's peaks, and where its time goes."""

import glob
import gzip
import json
import re
import tempfile
import time
from collections import Counter
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.settings import PROBLEMS
from superposition_jax import sweep
from superposition_jax.config import run_config
from superposition_jax.engine import devices, population, tiles, tuning
from superposition_jax.sweep import Group
from superposition_jax.types import Spec

PARTS = {
    "random numbers": ("draw",),
    "inputs from random numbers": ("realise",),
    "products": ("dot_general", "dot"),
    "optimizer": ("optimizer",),
    "divergence guard": ("guard",),
    "elementwise of model and loss": ("loss", "jvp", "transpose"),
}
"""Parts of a step, by words in the names that XLA keeps for its operations; the first match counts."""


def machine() -> dict[str, float]:
    """Peaks of one device, or of all cores of a CPU: GFLOP/s of a large matrix product, GB/s of a copy."""
    return {"gflops": matrix_peak(), "gigabytes": copy_bandwidth()}


def matrix_peak(precision: str = "default", side: int | None = None) -> float:
    """GFLOP/s of a product of two square matrices, best of several."""
    side = side or (2048 if jax.default_backend() == "cpu" else 8192)
    a = jax.random.normal(jax.random.key(0), (side, side))
    return 2 * side**3 / _best(jax.jit(partial(jnp.matmul, precision=precision)), a, a) / 1e9


def copy_bandwidth() -> float:
    """GB/s read and written by a large copy, best of several."""
    big = jnp.ones(2**26 if jax.default_backend() == "cpu" else 2**29)
    return 2 * big.nbytes / _best(jax.jit(lambda x: x + 1), big) / 1e9


def _best(function, *arguments) -> float:
    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - began)
    return min(seconds)


class Training:
    """One tile of a group's models in training: as many as the engine chooses, or about `chunk` on every device."""

    def __init__(self, group: Group, chunk: int | None = None) -> None:
        """Compile its programs."""
        mesh = population.make_mesh(None)
        most = tuning.models_at_once(group.spec, mesh.devices.flat[0].platform)
        by_size = tiles.tile_shape(group.seeds, most, mesh.size)
        rows, cells = tiles.tile_shape_of_chunk(group.seeds, chunk) if chunk else by_size
        places = tiles.cover(group.seeds, np.arange(len(group.seeds)), (rows * mesh.size, cells))[0].places
        self.models, self.devices, self.done, self.state = places.size, mesh.size, 0, None
        self.hparams, self.seeds = sweep.take(group.hparams, places), group.seeds[places[:, 0]].astype(np.uint32)
        self.real = np.ones(places.shape, bool)
        self.programs = population.build(group.spec, mesh, self.hparams, models=10**6)

    def advance(self, steps: int) -> float:
        """Seconds of a model's step, over some steps of all models."""
        state = self.programs.start(self.seeds, self.hparams) if self.state is None else self.state
        began, self.done = time.perf_counter(), self.done + steps
        stop = np.int32(self.done)
        self.state = jax.block_until_ready(self.programs.advance(self.seeds, self.hparams, state, stop))
        return (time.perf_counter() - began) / steps / self.models

    def seconds_a_step(self, steps: int) -> float:
        """Seconds of a model's step, the least of five times `steps` steps after as many to begin with."""
        self.advance(steps)
        return min(self.advance(steps) for _ in range(5))

    def evaluate(self) -> float:
        """Seconds of a model's evaluation."""
        began = time.perf_counter()
        jax.block_until_ready(self.programs.finish(self.hparams, self.state, self.real, np.uint32(0)))
        return (time.perf_counter() - began) / self.models


def step(problem: str, recipe: str, gflops: float, gigabytes: float, steps: int) -> dict[str, Any]:
    """Profile some steps of one tile of models: shares of the machine's peaks, and of the time by part."""
    group = run_config.load(PROBLEMS[problem].overrides(recipe)).groups[0]
    training = Training(group)
    seconds, peaks = training.seconds_a_step(steps), {"gflops": gflops, "gigabytes": gigabytes}
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            training.advance(steps)
        shares = _shares(folder, training.programs.advance.as_text())
    reached = {name: rate / peaks[name] for name, rate in rates(group.spec, seconds).items()}
    return {
        "seconds_a_step": seconds,
        "share_of_matrix_peak": reached["gflops"],
        "share_of_bandwidth": reached["gigabytes"],
        "parts": shares,
    }


def rates(spec: Spec, seconds: float) -> dict[str, float]:
    """GFLOP/s and GB/s of a model's step of some seconds: five products, four passes over (feature, batch) arrays."""
    flops = 10 * spec.n_features * spec.n_hidden * spec.points
    moved = 4 * spec.n_features * spec.points * 4
    return {"gflops": flops / seconds / 1e9, "gigabytes": moved / seconds / 1e9}


def _shares(folder: str, text: str) -> dict[str, float]:
    """Share of the threads' time by part."""
    (file,) = glob.glob(f"{folder}/**/*.trace.json.gz", recursive=True)
    with gzip.open(file) as stream:
        events = [event for event in json.load(stream)["traceEvents"] if event.get("ph") == "X"]
    scopes = dict(re.findall(r"%([\w.\-]+) = [^\n]*?op_name=\"([^\"]*)\"", text))
    opcodes = dict(re.findall(r"%([\w.\-]+) = \S+ ([\w\-]+)\(", text))
    spent: Counter[str] = Counter()
    for event in events:
        name = event["name"]
        if opcodes.get(name, "while") not in ("while", "call", "conditional"):
            spent[_part(name, scopes.get(name, ""))] += event["dur"]
    return {part: spent[part] / sum(spent.values()) for part in (*PARTS, "other")}


def _part(name: str, scope: str) -> str:
    words = set(re.split(r"[/()]", scope))
    if name.startswith(("dot", "ynn")) and "reduce_sum" not in words:
        return "products"
    return next((part for part, marks in PARTS.items() if words & set(marks)), "other")


def run(problems: list[str]) -> dict[str, Any]:
    """Peaks of the machine, then each problem with both recipes."""
    devices.set_cpu_devices(None)
    peaks = machine()
    return {
        "machine": peaks,
        "steps": {f"{p}, train={recipe}": step(p, recipe, **peaks, steps=40) for p in problems for recipe in ("fast", "paper")},
    }
