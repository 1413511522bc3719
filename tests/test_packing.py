"""Almost orthogonal vectors: known packings are found, bounds hold, and are met where they are known to be."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import superposition_jax
from superposition_jax.core import random
from superposition_jax.experiments.packing import numeric as packing
from superposition_jax.experiments.packing.table import restarts
from superposition_jax.theory import bounds
from superposition_jax.theory.losses import polygon

TINY = ["data.importance.kind=uniform", "data.density=0.05", "tables=[packing]", "train.steps=300"]


@pytest.fixture(scope="module")
def coherences():
    """Coherences of restarts for known packings, fewer vectors than dimensions, and others."""
    lines = {(m, size) for m, (size, _) in bounds.EQUIANGULAR.items() if m < 7}
    return restarts({*lines, (4, 4), (4, 2), (4, 12), (6, 20), (8, 30), (3, 1), (5, 0)})


def test_equiangular_lines_are_found_at_their_angle(coherences):
    for m, (size, angle) in bounds.EQUIANGULAR.items():
        if m < 7:
            np.testing.assert_allclose(coherences[m, size].min(), angle, atol=5e-4, err_msg=f"{size} lines in R^{m}")


@pytest.mark.slow
def test_the_largest_known_systems_are_found():
    """28 equiangular lines in R^7, and 120 of E8 at 60 degrees, which meet Levenshtein's bound."""
    coherences = restarts({(7, 28), (8, 120)})
    np.testing.assert_allclose(coherences[7, 28].min(), 1 / 3, atol=5e-4)
    np.testing.assert_allclose(coherences[8, 120].min(), 1 / 2, atol=5e-4)


def test_no_bound_is_undercut_and_no_random_vectors_are_better(coherences):
    for (m, size), reached in coherences.items():
        assert np.all(reached >= bounds.least_coherence(size, m) - 1e-5), (m, size)
        if size > m:
            assert reached.min() < bounds.random_coherence(size, m), (m, size)


def test_as_many_vectors_as_dimensions_are_orthogonal(coherences):
    for pair in ((4, 4), (4, 2), (3, 1), (5, 0)):
        np.testing.assert_allclose(coherences[pair].min(), 0, atol=5e-4)


def test_padding_changes_nothing_but_the_order_of_sums():
    given = {"size": jnp.asarray(5), "dimension": jnp.asarray(3), "columns": 8, "steps": 30}
    optimise = jax.jit(partial(packing.optimise, **given), static_argnames="rows")
    small, large = (np.asarray(optimise(random.key(3), rows=rows)) for rows in (3, 7))
    np.testing.assert_allclose(large[:3], small, atol=1e-4)
    np.testing.assert_array_equal(large[3:], 0)
    np.testing.assert_array_equal(small[:, 5:], 0)
    np.testing.assert_allclose(np.linalg.norm(small[:, :5], axis=0), 1, rtol=1e-5)


def test_bounds_at_systems_that_meet_them():
    for m, (size, angle) in bounds.EQUIANGULAR.items():
        if m != 4:  # six lines in R^4 do not
            np.testing.assert_allclose(bounds.welch(size, m), angle)
    for m, size in ((7, 63), (8, 120), (4, 12)):
        np.testing.assert_allclose(bounds.levenshtein(size, m), 1 / 2)
    assert bounds.most_vectors(7, 1 / 3, 100) == 28
    assert bounds.most_vectors(5, 0.0, 100) == 5
    assert bounds.welch(4, 4) == bounds.levenshtein(10, 4) == 0


@pytest.mark.parametrize(("size", "m"), [(10, 4), (20, 8), (64, 16)])
def test_random_coherence_is_that_of_a_simulation(size, m):
    """Quantiles: their shares of 4,000 draws within four standard errors, and 0.02 for what the pairs are dependent."""
    v = np.random.default_rng(0).normal(size=(4000, m, size))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    simulated = np.abs(v.transpose(0, 2, 1) @ v - np.eye(size)).max(axis=(1, 2))
    for q in (0.1, 0.5, 0.9):
        share = (simulated < bounds.random_coherence(size, m, q)).mean()
        assert abs(share - q) < 4 * (q * (1 - q) / 4000) ** 0.5 + 0.02
    middle = float(bounds.random_coherence(size, m))
    np.testing.assert_allclose(bounds.random_vectors(m, middle), size, rtol=1e-6)


def test_random_vectors_are_more_than_johnson_and_lindenstrauss_promise():
    m, epsilon = np.meshgrid([8, 64, 512], [0.1, 0.3, 0.5])
    assert np.all(bounds.random_vectors(m, epsilon) > bounds.johnson_lindenstrauss(m, epsilon))


def test_spread_of_represented_features_alone():
    w = np.zeros((3, 7), np.float32)
    w[:2, :5] = polygon(5)
    w[2, 5] = 0.4  # not represented
    spread = jax.jit(packing.spread)
    count, coherence, rms = spread(w)
    assert int(count) == 5
    np.testing.assert_allclose(coherence, np.cos(np.pi / 5), rtol=1e-5)
    np.testing.assert_allclose(rms, bounds.welch(5, 2), rtol=1e-5)  # a polygon is a tight frame
    assert [float(value) for value in spread(np.zeros((3, 7), np.float32))] == [0, 0, 0]


@pytest.mark.slow
def test_the_table_of_a_sweep_over_sizes_without_seeds():
    sizes = ["+sweep.axes.m={path: model.n_hidden, values: [2, 3]}", "+sweep.axes.n={path: model.n_features, values: [4, 6]}"]
    dataset = superposition_jax.run([*TINY, *sizes])
    assert dataset["packing_m"].values.tolist() == [2, 3]
    counts = dataset["packing_vectors"]
    assert counts.sel(packing_epsilon=0.5).values.tolist() == [3, 6]
    for name in ("represented_coherence", "packed_coherence"):
        assert np.all(dataset[name] >= dataset["bound_coherence"] - 1e-5)
    assert np.all(dataset["packed_coherence"] <= dataset["packed_worst"])
    assert len(dataset.attrs["findings"].splitlines()) == 4 + 4


@pytest.mark.slow
def test_trained_features_are_a_tight_frame_but_far_from_the_best_packing():
    """Their root mean square is within 2 % of Welch's bound; their greatest |cos| is twice what it need be."""
    given = ["model.n_features=64", "model.n_hidden=16", "data.importance.kind=uniform", "data.density=0.01", "tables=[packing]"]
    dataset = superposition_jax.run([*given, "+sweep.axes.seed={path: seed, range: 4}"])
    assert np.all(dataset["represented"] == 64)
    np.testing.assert_allclose(dataset["represented_rms"], bounds.welch(64, 16), rtol=0.02)
    ratio = dataset["represented_coherence"] / dataset["packed_coherence"]
    assert ratio.mean() - 4 * ratio.std(ddof=1) / 2 > 1.5
