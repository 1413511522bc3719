"""This engine compared with what people use: the published recipe in PyTorch and in plain vmapped JAX."""

from typing import Any

import numpy as np
from scipy.stats import bootstrap

from benchmarks import published
from benchmarks.published import STEPS
from benchmarks.settings import FAST, LOSSES, PROBLEMS
from benchmarks.worker import measure

_SHORT = {"n=5, m=2": 40, "n=20, m=5": 12, "n=80, m=20": 4, "n=400, m=30": 3, "n=2, m=1": 20}
"""Steps over which PyTorch and plain JAX are timed; a step costs the same at any time."""


def compare(repeats: int, torch: bool) -> dict[str, Any]:
    """All contenders on all problems, in turn, `repeats` times."""
    contenders = (*(("torch",) if torch else ()), "plain", "paper", "fast")
    runs_of: dict[str, Any] = {problem: {name: [] for name in contenders} for problem in PROBLEMS}
    for _ in range(repeats):
        for problem in PROBLEMS:
            for name in contenders:
                runs_of[problem][name].append(_once(problem, name))
    return {problem: _summary(problem, runs) | _unrepeated(problem) for problem, runs in runs_of.items()}


def _once(problem: str, name: str) -> dict[str, Any]:
    if name in ("torch", "plain"):
        return measure(name, problem=problem, steps=_SHORT[problem])
    if name == "paper":  # its speed; its losses are in published.json
        return measure("engine", overrides=[*PROBLEMS[problem].overrides("paper"), f"train.steps={25 + 15 * _SHORT[problem]}"])
    return measure("engine", overrides=FAST[problem].overrides("fast"))


def _unrepeated(problem: str) -> dict[str, Any]:
    """What is measured once: final losses, and the seconds that compiling takes in a second process."""
    run = measure("engine", overrides=LOSSES[problem].overrides("fast"))
    second = measure("second_process", overrides=FAST[problem].overrides("fast"))
    return {"losses": losses(problem, np.array(run["losses"])), "compile_again": second["compile"]}


def _summary(problem: str, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    table: dict[str, Any] = {"models": PROBLEMS[problem].models, "fast_models": FAST[problem].models}
    for name, several in runs.items():
        step = np.array([run["seconds_a_step"] for run in several])
        table[name] = {"model_steps_a_second": spread(1 / step)}
        if name != "fast":
            table[name]["seconds_a_model"] = spread(STEPS * step)
    for part, names in {
        "seconds_a_model": ("train",),
        "with_evaluation_and_saving": ("all", "compile", "draw"),
        "with_process_start_and_compilation": ("process",),
    }.items():
        seconds = [run[names[0]] - sum(run[name] for name in names[1:]) for run in runs["fast"]]
        table["fast"][part] = spread(np.array(seconds) / FAST[problem].models)
    table["fast"]["compile"] = spread(np.array([run["compile"] for run in runs["fast"]]))
    return table


def losses(problem: str, fast: np.ndarray) -> dict[str, Any]:
    """Final losses of `fast` (cell …, seed) over those of the published recipe, by density, with standard errors.

    Of every cell the median over seeds is compared. Where a density has several cells, the ratio is their geometric mean, and the
    error comes from their spread.
    """
    theirs, recipe = published.losses(problem)
    ours, density = fast.reshape(len(theirs), -1), PROBLEMS[problem].cells[0]
    ratio = np.median(ours, axis=1) / np.median(theirs, axis=1)
    if not PROBLEMS[problem].extra_importances:
        error = ratio * np.hypot(*(median_error(losses) / np.median(losses, axis=1) for losses in (ours, theirs)))
    else:
        several = [np.log(ratio[density == p]) for p in PROBLEMS[problem].densities]
        ratio = np.exp([logs.mean() for logs in several])
        error = ratio * [logs.std(ddof=1) / len(logs) ** 0.5 for logs in several]
    densities = list(PROBLEMS[problem].densities)
    return {"density": densities, "ratio": ratio.tolist(), "error": error.tolist(), "published": recipe}


def median_error(values: np.ndarray) -> np.ndarray:
    """Standard error of the median over seeds (cell, seed), by resampling them."""
    return bootstrap((values,), np.median, axis=1, n_resamples=1000, method="percentile", rng=0).standard_error


def spread(values: np.ndarray) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": float(np.median(values)), "least": float(values.min()), "greatest": float(values.max())}
