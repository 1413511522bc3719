"""How close a step comes to the machine's peaks, and where its time goes."""

import glob
import gzip
import json
import re
import tempfile
import time
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.settings import PROBLEMS
from superposition_jax import sweep
from superposition_jax.config import run_config
from superposition_jax.engine import devices, population, tiles, tuning

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
    """GFLOP/s of a large matrix product and GB/s of a copy, best of several, with all cores."""
    a = jnp.ones((2048, 2048))
    product, copy = jax.jit(jnp.matmul), jax.jit(lambda x: x + 1)
    big = jnp.ones(2**26)
    return {"gflops": 2 * 2048**3 / _best(product, a, a) / 1e9, "gigabytes": 2 * big.nbytes / _best(copy, big) / 1e9}


def _best(function, *arguments) -> float:
    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def step(problem: str, recipe: str, gflops: float, gigabytes: float, steps: int) -> dict[str, Any]:
    """Profile some steps of one tile of models: shares of the machine's peaks, and of the time by part."""
    group = run_config.load(PROBLEMS[problem].overrides(recipe)).groups[0]
    spec, mesh = group.spec, population.make_mesh(None)
    rows, cells = tiles.tile_shape(group.seeds, tuning.models_at_once(spec, "cpu"), mesh.size)
    places = tiles.cover(group.seeds, np.arange(len(group.seeds)), (rows * mesh.size, cells))[0].places
    hparams, seeds = sweep.take(group.hparams, places), group.seeds[places[:, 0]].astype(np.uint32)
    programs = population.build(spec, mesh, hparams, models=10**6)
    state, at = programs.start(seeds, hparams), 0

    def go(state, at):
        return jax.block_until_ready(programs.advance(seeds, hparams, state, np.int32(at + steps))), at + steps

    state, at = go(state, at)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        state, at = go(state, at)
        seconds.append((time.perf_counter() - began) / steps / places.size)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            go(state, at)
        shares = _shares(folder, programs.advance.as_text())
    flops = 10 * spec.n_features * spec.n_hidden * spec.points
    moved = 4 * spec.n_features * spec.points * 4
    return {
        "seconds_a_step": min(seconds),
        "share_of_matrix_peak": flops / min(seconds) / 1e9 / gflops,
        "share_of_bandwidth": moved / min(seconds) / 1e9 / gigabytes,
        "parts": shares,
    }


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
