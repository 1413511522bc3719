"""Fast must not mean worse: the final losses of `train=fast` against those of the published recipe."""

import json

import numpy as np
import pytest

import superposition_jax
from benchmarks import peers, published
from benchmarks.settings import PROBLEMS


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["n=20, m=5", "n=80, m=20"])
def test_the_fast_recipe_ends_no_higher_than_the_published(problem):
    """Median over 16 seeds, at each of the seven sparsities, within two standard errors. Slow runs are kept in published.json."""
    losses = superposition_jax.run(PROBLEMS[problem].overrides("fast"))["loss"].values
    assert losses.shape == (7, 16)
    found = peers.losses(problem, losses)
    excess = (np.array(found["ratio"]) - 1) / np.array(found["error"])
    assert np.all((excess < 2) | (np.array(found["ratio"]) < 1.001)), found


@pytest.mark.parametrize("problem", PROBLEMS)
def test_pytorch_and_train_paper_find_the_same(problem):
    """Kept full runs of both: `train=paper` is the published recipe. In every cell, and in the mean, within four standard errors.

    Where PyTorch ran one seed a cell, the seeds of `train=paper` say how far one seed may be off.
    """
    kept = json.loads(published.PATH.read_text(encoding="utf-8"))[problem]
    torch, paper = (np.array(kept[recipe]) for recipe in ("torch", "paper"))
    here = paper.mean(1, keepdims=True)
    error = (paper / here).std(1, ddof=1) * (1 / torch.shape[1] + 1 / paper.shape[1]) ** 0.5
    off = (torch / here).mean(1) - 1
    assert abs(off.sum()) < 4 * np.sqrt(np.sum(error**2)) + 1e-3 * len(off), (off, error)
    assert np.mean(np.abs(off) < 4 * error + 1e-3) > 0.95, (off, error)
