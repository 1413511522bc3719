"""Fast must not mean worse: the final losses of `train=fast` against those of the published recipe."""

import json

import numpy as np
import pytest

import superposition_jax
from benchmarks import peers, published
from benchmarks.settings import PROBLEMS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("problem", ["n=20, m=5", "n=80, m=20"])
def test_the_fast_recipe_ends_no_higher_than_the_published(problem):
    """Median over 16 seeds, at each of the seven sparsities, within two standard errors. Slow runs are kept in published.json."""
    losses = superposition_jax.run(PROBLEMS[problem].overrides("fast"))["loss"].values
    assert losses.shape == (7, 16)
    found = peers.losses(problem, losses)
    excess = (np.array(found["ratio"]) - 1) / np.array(found["error"])
    assert np.all((excess < 2) | (np.array(found["ratio"]) < 1.001)), found


def test_pytorch_and_train_paper_find_the_same():
    """The engine's `train=paper` is the published recipe: means over 16 seeds of full runs, within four standard errors."""
    kept = json.loads(published.PATH.read_text(encoding="utf-8"))
    both = [problem for problem in kept if {"torch", "paper"} <= set(kept[problem]) and len(kept[problem]["torch"][0]) == 16]
    assert "n=20, m=5" in both
    for problem in both:
        torch, paper = (np.array(kept[problem][recipe]) for recipe in ("torch", "paper"))
        error = np.hypot(torch.std(1, ddof=1), paper.std(1, ddof=1)) / 4
        assert np.all(np.abs(torch.mean(1) - paper.mean(1)) < 4 * error), problem
