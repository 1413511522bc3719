"""How cost grows with models, cells per seed, features, batch and devices; compile time and memory."""

from typing import Any

import numpy as np

from benchmarks.worker import measure

_BASE = ("train.curve_points=10",)
FEATURES = {
    n: (f"model.n_features={n}", f"model.n_hidden={max(1, n // 4)}", "train.batch_size=128", f"train.steps={40_000 // n}")
    for n in (5, 10, 20, 40, 80, 160, 320)
}
"""Configs by the number of features."""
BATCHES = {
    size: (f"train.batch_size={size}", f"train.steps={200_000 // size}") for size in (32, 64, 128, 256, 512, 1024, 2048, 4096)
}
"""Configs by batch size."""


def axes(seeds: int, cells: int, least: float = 1e-3) -> list[str]:
    """The config of a sweep of seeds × cells (densities from 1 to `least`)."""
    densities = np.geomspace(1, least, cells).tolist() if cells > 1 else [0.1]
    return [
        f"+sweep.axes.density={{path: data.density, values: {densities}}}",
        f"+sweep.axes.seed={{path: seed, range: {seeds}}}",
    ]


def _sweep(seeds: int, cells: int, *more: str) -> dict[str, Any]:
    return measure("engine", overrides=[*axes(seeds, cells), *_BASE, *more])


def run(most_models: int) -> dict[str, Any]:
    """All curves: for each the values, seconds per model and step (unless named otherwise), and the log-log slope."""
    numbers = [count for count in (1, 10, 100, 1000, 10_000, 100_000) if count <= most_models]
    by_models = [_sweep(max(1, count // 10), min(count, 10), f"train.steps={_steps(count)}") for count in numbers]
    cells = [1, 2, 4, 8, 16, 32, 64]
    by_cells = [_sweep(64 // count, count, "train.steps=1000") for count in cells]
    paper_cells = [_sweep(64 // count, count, "train=paper", "train.steps=500") for count in cells]
    by_features = [_sweep(4, 8, *overrides) for overrides in FEATURES.values()]
    by_batch = [_sweep(8, 8, *overrides) for overrides in BATCHES.values()]
    devices = [1, 2]
    by_devices = [_sweep(16, 8, f"runtime.devices={count}", "train.steps=2000") for count in devices]
    return {
        "models": _curve(numbers, by_models) | {"compile": _of(by_models, "compile"), "peak_bytes": _of(by_models, "peak_bytes")},
        "cells per seed, train=fast": _curve(cells, by_cells),
        "cells per seed, train=paper": _curve(cells, paper_cells),
        "features": _curve([*FEATURES], by_features),
        "batch": _curve([*BATCHES], by_batch),
        "devices": _curve(devices, by_devices),
    }


def _steps(models: int) -> int:
    return int(np.clip(1e7 / models, 200, 2000))


def _of(runs: list[dict[str, Any]], name: str) -> list[float]:
    return [run[name] for run in runs]


def _curve(values: list[int], runs: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = _of(runs, "seconds_a_step")
    slope = np.polyfit(np.log(values), np.log(seconds), 1)[0]
    return {"values": values, "seconds_a_step": seconds, "slope": float(slope)}
