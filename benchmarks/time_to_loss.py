"""Seconds per model until the published recipe's median final loss is reached, at each density."""

from typing import Any

import numpy as np

from benchmarks import peers, published
from benchmarks.published import STEPS
from benchmarks.settings import PROBLEMS
from benchmarks.worker import measure

BUDGETS = (50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000)
"""Steps of whole runs of `train=fast`: its learning rate falls to 0 by the end, so a shorter run is not the start of a longer."""


def run(problem: str, torch: bool) -> dict[str, Any]:
    """The least budget whose median loss over seeds is no higher than the published, for every density.

    A budget reaches the published median if its median is not above it by more than one standard error of their difference.
    """
    final, _ = published.losses(problem)
    target = np.median(final, axis=1)
    theirs = measure("torch", problem=problem, steps=6)["seconds_a_step"] * STEPS if torch else None
    reached = np.full(len(target), np.nan)
    seconds, shares = {}, {}
    for steps in BUDGETS:
        run = measure("engine", overrides=[*PROBLEMS[problem].overrides("fast"), f"train.steps={steps}"])
        losses = np.array(run["losses"])
        error = np.hypot(peers.median_error(losses), peers.median_error(final))
        reaches = np.median(losses, axis=1) <= target + error
        seconds[steps] = run["train"] / run["models"]
        shares[steps] = (losses <= target[:, None]).mean(1).tolist()
        reached = np.where(np.isnan(reached) & reaches, seconds[steps], reached)
        if not np.isnan(reached).any():
            break
    return {
        "density": PROBLEMS[problem].cells[0].tolist(),
        "seconds_a_model": reached.tolist(),
        "times_faster": (theirs / reached).tolist() if theirs else None,
        "published_seconds_a_model": theirs,
        "seconds_by_steps": seconds,
        "share_of_seeds_below_the_published_median": shares,
    }
