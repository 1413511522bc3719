"""The frame potential against frames of known geometry, random directions, and what trained features reach."""

import numpy as np
import pytest

import superposition_jax
from superposition_jax.experiments.frames.table import frame_potential, of_random_directions
from superposition_jax.theory import polygon
from superposition_jax.types import Spec


def potential(w):
    w = np.asarray(w, np.float32)
    return float(frame_potential(None, None, {"W": w}, spec=Spec(w.shape[1], w.shape[0]))["frame_potential"])


def test_frames_of_known_geometry():
    """A regular polygon and an orthonormal basis are tight; on a line all of the space but one dimension is missed."""
    assert potential(1.3 * polygon(5)) == pytest.approx(1)
    assert potential(np.eye(4)) == pytest.approx(1)
    assert potential(np.outer([1, 2, 3], [1, -1, 0.5, 2])) == pytest.approx(3)


@pytest.mark.parametrize(("m", "n"), [(3, 4), (8, 40)])
def test_random_directions_have_their_mean(m, n):
    v = np.random.default_rng(0).normal(size=(500, m, n))
    potentials = [potential(one / np.linalg.norm(one, axis=0)) for one in v]
    error = np.std(potentials, ddof=1) / len(v) ** 0.5
    assert abs(np.mean(potentials) - of_random_directions(np.array(n), m)) < 4 * error


@pytest.mark.slow
def test_trained_features_are_nearly_a_tight_frame():
    """Nearer to 1 than random directions by four standard errors of the seeds, at every density."""
    dataset = superposition_jax.run(["experiment=frames", "figures=[]"])
    excess = dataset["frame_potential"] - 1
    random = of_random_directions(dataset["represented"], 8) - 1
    gap = random - excess
    assert np.all(gap.mean("seed") > 4 * gap.std("seed", ddof=1) / 16**0.5)
    assert np.all(excess.mean("seed") < 0.1 * random.mean("seed"))
