"""What training must find: closed forms within their error, no failures of a bad start, and the published recipe's losses."""

import numpy as np
import pytest

import superposition_jax
from benchmarks import peers
from benchmarks.settings import PROBLEMS


@pytest.mark.slow
def test_the_linear_model_keeps_exactly_the_most_important_features():
    """Its least loss is Σ I_i Var x_i over the features beyond m, whatever the sparsity: principal components."""
    ds = superposition_jax.run(["model=linear", "sweep=sparsity", "sweep.axes.seed.range=4", "train.steps=3000"])
    importance, p = 0.7 ** np.arange(20), ds["density"].values
    expected = importance[5:].sum() * (p / 3 - p**2 / 4)
    excess = ds["loss"] - expected[:, None]
    assert np.all(excess < 4.5 * ds["loss_stderr"] + 0.005 * expected[:, None])
    assert np.all(excess > -4.5 * ds["loss_stderr"] - 1e-4 * expected[:, None])
    kept = ds["feature_norm"].sel(sparsity=slice(None, 0.9))
    np.testing.assert_allclose(kept.isel(feature=slice(5)), 1, atol=0.05)
    assert kept.isel(feature=slice(6, None)).max() < 0.2


@pytest.mark.slow
def test_dense_features_get_a_dimension_each_and_sparse_ones_share():
    """Elhage et al. 2022, "Demonstrating Superposition": no superposition at S = 0, more features than dimensions when sparse."""
    ds = superposition_jax.run(["sweep=sparsity"])
    best = ds.isel(seed=ds["loss"].argmin("seed"))
    dense, sparse = best.sel(sparsity=0.0), best.sel(sparsity=[0.97, 0.99, 0.997, 0.999])
    assert dense["represented"] == 5
    assert dense["superposition"].isel(feature=slice(5)).max() < 0.02
    np.testing.assert_allclose(dense["b"].isel(feature=slice(5, None)), 0.5, atol=0.02)
    dropped = 0.7 ** np.arange(5, 20) @ np.full(15, 1 / 12)
    assert abs(dense["loss"] - dropped) < 4.5 * dense["loss_stderr"] + 0.01 * dropped
    assert (sparse["represented"] >= 10).all()
    assert (sparse["b"].min("feature") < 0).all()
    assert np.all(np.diff(best["dims_per_feature"].sel(sparsity=slice(None, 0.99))) < 0)
    assert np.all(np.diff(best["loss_relative"]) < 0)


@pytest.mark.slow
def test_a_wide_dense_model_has_no_dead_outputs_and_the_least_loss():
    """n=400, m=30, I=1: (1 − m/n)/12 a feature. With b = 0 and textbook Xavier about 50 outputs die for ever."""
    given = ["model.n_features=400", "model.n_hidden=30", "data.importance.kind=uniform", "train.steps=3000"]
    ds = superposition_jax.run([*given, "train.learning_rate=0.01", "+sweep.axes.seed={path: seed, range: 3}"])
    np.testing.assert_array_equal(ds["dead_outputs"], 0)
    excess = ds["loss"].mean().item() / 400 / ((1 - 30 / 400) / 12) - 1
    assert -0.001 < excess < 0.01
    np.testing.assert_allclose(ds["dimensionality"].sum("feature"), 30, rtol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["n=20, m=5", "n=80, m=20"])
def test_the_fast_recipe_ends_no_higher_than_the_published(problem):
    """Median over 16 seeds, at each of the seven sparsities, within two standard errors or 0.2 %.

    Slow runs are kept in published.json.
    """
    losses = superposition_jax.run(PROBLEMS[problem].overrides("fast"))["loss"].values
    assert losses.shape == (7, 16)
    found = peers.losses(problem, losses)
    excess = (np.array(found["ratio"]) - 1) / np.array(found["error"])
    assert np.all((excess < 2) | (np.array(found["ratio"]) < 1.002)), found
