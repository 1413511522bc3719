"""Fast must not mean worse: the final losses of `train=fast` against those of the published recipe."""

import numpy as np
import pytest

import superposition_jax
from benchmarks import peers
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
