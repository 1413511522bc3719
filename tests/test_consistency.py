"""Neighbouring cells' losses: the bound is a theorem, the check finds what breaks it, the repair mends it."""

import numpy as np
import pytest
from oracle import midpoint

import superposition_jax
from superposition_jax.config import run_config
from superposition_jax.engine import trainer as engine
from superposition_jax.experiments.registry import reserved_names
from superposition_jax.results import neighbours

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
            c = neighbours._worst_weight(path, 2, values[0][[one[place]]], values[1][[other[place]]])
            assert losses[one] <= c[0] * losses[other] * (1 + 1e-9)


def test_bounds_by_axis():
    worst = neighbours._worst_weight
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


def test_cells_of_diverged_models_and_axes_without_labels():
    dataset = superposition_jax.run([*GRID, "sweep.axes.seed.range=2", "train.steps=300"])
    dataset["loss"][4, 4] = np.nan
    assert superposition_jax.check(dataset).values[4, 4]
    assert not superposition_jax.check(dataset.drop_vars(["importance", "density", "sparsity"])).any()


def test_tables_names_are_reserved():
    dataset = superposition_jax.run(["experiment=phase_n2m1", *GRID[1:3], "sweep.repair=true", "train.steps=100"])
    plain = superposition_jax.run([*GRID, "train.steps=100"])
    assert set(dataset.variables) - set(plain.variables) <= reserved_names()


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["active", "iid"])
def test_repair_of_several_groups_with_seeds_and_noise(estimator):
    """Two sizes, two lengths of training; all models with three hidden dimensions are spoilt after training."""
    given = ["model.n_features=4", "data.importance.kind=uniform", f"train.estimator={estimator}", "train.batch_size=64"]
    given += ["data.density=0.2", "train.curve_points=7", "+sweep.axes.m={path: model.n_hidden, values: [2, 3]}"]
    axes = ["+sweep.axes.steps={path: train.steps, values: [200, 300]}", "+sweep.axes.seed={path: seed, range: 2}"]
    experiment = run_config.load([*given, *axes])
    trainer = engine.Trainer(experiment.groups, devices=None, chunk=None)
    trained = trainer.train(lambda report: None)
    for group, part in zip(experiment.groups, trained, strict=True):
        if group.spec.n_hidden == 3:
            part["loss"][:], part["W"][:], part["b"][:], part["loss_curve"][:] = 9 + group.seeds, 0, 0, 5
    dataset = neighbours.repair(experiment.grid, trainer, trained)

    three, two = dataset.sel(m=3), dataset.sel(m=2)
    assert dataset["repaired"].sel(m=3).sum("seed").values.tolist() == [1, 1]
    assert not two["repaired"].any()
    np.testing.assert_array_equal(three["repaired"].isel(seed=1), [True, True])  # the worse one of each cell
    again = three.isel(seed=1)
    assert np.all(again["loss"] < 1.05 * two["loss"].min("seed"))
    assert np.all(np.abs(again["W"]).sum("feature") > 0)  # the new dimension is used
    for steps, spec in ((200, experiment.groups[0].spec), (300, experiment.groups[1].spec)):
        own = again["loss_curve"].sel(steps=steps)
        assert own["step"][np.isfinite(own)].values.tolist() == spec.curve_steps.tolist()
        assert np.all(own[np.isfinite(own)] < 5)
    np.testing.assert_array_equal(three["loss"].isel(seed=0), [9, 9])


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
