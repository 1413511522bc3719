"""This engine beside what people use: the published recipe in PyTorch and in plain vmapped JAX."""

from typing import Any

import numpy as np

from benchmarks import published
from benchmarks.published import STEPS
from benchmarks.settings import PROBLEMS
from benchmarks.worker import measure

_SHORT = {"n=5, m=2": 40, "n=20, m=5": 12, "n=80, m=20": 4, "n=400, m=30": 3, "n=2, m=1": 20}
"""Steps over which PyTorch and plain JAX are timed; a step costs the same at any time."""


def compare(repeats: int, torch: bool) -> dict[str, Any]:
    """All contenders on all problems, one after the other in turn, `repeats` times."""
    contenders = (*(("torch",) if torch else ()), "plain", "paper", "fast")
    found: dict[str, Any] = {problem: {name: [] for name in contenders} for problem in PROBLEMS}
    for _ in range(repeats):
        for problem in PROBLEMS:
            for name in contenders:
                found[problem][name].append(_once(problem, name))
    return {problem: _summary(problem, runs) for problem, runs in found.items()}


def _once(problem: str, name: str) -> dict[str, Any]:
    if name in ("torch", "plain"):
        return measure(name, problem=problem, steps=_SHORT[problem])
    overrides = PROBLEMS[problem].overrides(name)
    if name == "paper":  # its speed; its losses are in published.json
        return measure("engine", overrides=[*overrides, f"train.steps={25 + 15 * _SHORT[problem]}"])
    return measure("engine", overrides=overrides)


def _summary(problem: str, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    models = PROBLEMS[problem].models
    table: dict[str, Any] = {"models": models}
    for name, several in runs.items():
        step = np.array([run["seconds_a_step"] for run in several])
        table[name] = {"model_steps_a_second": spread(1 / step)}
        if name != "fast":
            table[name]["seconds_a_model"] = spread(STEPS * step)
    for part, names in {
        "seconds_a_model": ("train",),
        "with_evaluation_and_saving": ("all", "compile"),
        "with_process_start_and_compilation": ("process",),
    }.items():
        seconds = [run[names[0]] - sum(run[name] for name in names[1:]) for run in runs["fast"]]
        table["fast"][part] = spread(np.array(seconds) / models)
    table["losses"] = losses(problem, np.array(runs["fast"][-1]["losses"]))
    return table


def losses(problem: str, fast: np.ndarray) -> dict[str, Any]:
    """Median final loss over seeds of `fast` (cell …, seed) over that of the published recipe, with standard errors."""
    theirs, recipe = published.losses(problem)
    ours = fast.reshape(len(theirs), -1)
    if theirs.shape[1] == 1:  # a grid of cells, one seed each: compare the cells' distribution
        theirs, ours = theirs.reshape(1, -1), ours.reshape(1, -1)
    ratio = np.median(ours, axis=1) / np.median(theirs, axis=1)
    error = ratio * np.hypot(_relative_error(ours), _relative_error(theirs))
    density = PROBLEMS[problem].cells[0].tolist()
    return {"density": density, "ratio": ratio.tolist(), "error": error.tolist(), "published": recipe}


def _relative_error(values: np.ndarray) -> np.ndarray:
    """Standard error of the median, about 1.25 times that of the mean, over the median."""
    return 1.2533 * values.std(axis=1, ddof=1) / np.sqrt(values.shape[1]) / np.median(values, axis=1)


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": float(np.median(values)), "least": float(values.min()), "greatest": float(values.max())}
