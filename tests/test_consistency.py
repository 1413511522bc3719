"""Neighbouring cells' losses: the bound is a theorem, the check finds what breaks it, the repair mends it."""

import numpy as np
import pytest
from oracle import midpoint

import superposition_jax
from superposition_jax import consistency

GRID = ["experiment=phase_n2m1", "sweep.axes.importance.num=7", "sweep.axes.density.num=7", "tables=[]", "figures=[]"]


@pytest.mark.parametrize("seed", range(8))
def test_no_parameters_break_the_bound(seed):
    """L(θ; B) ≤ c·L(θ; A) for random models and cells, by quadrature of the real model."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(1, 2)), rng.normal(size=2) / 2
    p, r = rng.uniform(0.05, 1, size=2), 10 ** rng.uniform(-1, 1, size=2)
    losses = {(i, j): midpoint(p[i], w, b, [1, r[j]], points=(400, 100)) for i in (0, 1) for j in (0, 1)}
    for path, here, there in (("data.density", (1, 0), (0, 0)), ("data.importance.list.1", (0, 1), (0, 0))):
        values = (p, p) if path == "data.density" else (r, r)
        for one, other in ((here, there), (there, here)):
            place = 0 if path == "data.density" else 1
            c = consistency._worst_weight(path, 2, values[0][[one[place]]], values[1][[other[place]]])
            assert losses[one] <= c[0] * losses[other] * (1 + 1e-9)


def test_bounds_by_axis():
    worst = consistency._worst_weight
    np.testing.assert_allclose(worst("data.importance.list.1", 2, np.array([2.0, 0.5]), np.array([1.0, 1.0])), [2, 1])
    np.testing.assert_allclose(worst("data.density", 2, np.array([0.4]), np.array([0.5])), [(0.6 / 0.5) ** 2])
    np.testing.assert_allclose(worst("data.sparsity", 2, np.array([0.6]), np.array([0.5])), [(0.6 / 0.5) ** 2])
    np.testing.assert_allclose(worst("data.density.0", 2, np.array([0.5]), np.array([0.4])), [1.25])
    np.testing.assert_allclose(worst("model.n_hidden", 2, np.array([3, 2]), np.array([2, 3])), [1, np.inf])
    assert np.isinf(worst("train.learning_rate", 2, np.array([0.1]), np.array([0.2])))[0]


def test_a_cell_that_got_stuck_is_found():
    dataset = superposition_jax.run([*GRID, "sweep.axes.seed.range=6"])
    assert not superposition_jax.check(dataset).any()
    dataset["loss"][3, 2] *= 3
    flagged = superposition_jax.check(dataset)
    assert flagged.dims == ("importance", "density")
    assert flagged.values[3, 2]
    assert flagged.sum() == 1


def test_more_hidden_dimensions_cannot_lose_more():
    dataset = superposition_jax.run(
        ["model.n_features=4", "+sweep.axes.m={path: model.n_hidden, values: [1, 2]}", "train.steps=200", "data.density=0.3"]
    )
    assert not superposition_jax.check(dataset).any()
    dataset["loss"][1] = 1.1 * dataset["loss"][0]
    assert superposition_jax.check(dataset).values.tolist() == [False, True]


def test_repair_starts_from_the_neighbours():
    alone = [*GRID, "sweep.axes.seed.range=1"]
    before, after = superposition_jax.run(alone), superposition_jax.run([*alone, "sweep.repair=true"])
    flagged, repaired = superposition_jax.check(before), after["repaired"].isel(seed=0)
    assert flagged.sum() > 3
    assert superposition_jax.check(after).sum() == 0
    assert np.all(after["loss"].values[after["repaired"]] < before["loss"].values[after["repaired"]])
    untouched = ~after["repaired"]
    for name in ("loss", "W", "b", "loss_curve"):
        np.testing.assert_array_equal(after[name].values[untouched], before[name].values[untouched])
    assert repaired.sum() >= flagged.sum()
