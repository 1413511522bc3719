"""The table of the hypothesis' levels: formulas, refusals, and what each kind of model loses."""

import numpy as np
import pytest

import superposition_jax
from superposition_jax.errors import ConfigError
from superposition_jax.experiments.hierarchy import table as hierarchy

TINY = ["tables=[hierarchy]", "figures=[]", "model.n_features=4", "model.n_hidden=2", "train.steps=50", "data.density=0.3"]


@pytest.mark.slow
def test_an_architecture_is_named_by_its_formula():
    axes = ["activation={path: model.activation, values: [identity, relu], zip: kind}"]
    axes += ["inner={path: model.hidden_activation, values: [identity, relu], zip: kind}"]
    dataset = superposition_jax.run([*TINY, *(f"+sweep.axes.{axis}" for axis in axes)])
    titles = [hierarchy.title(dataset, {"kind": k}) for k in range(2)]
    assert titles == ["WᵀWx + b", "ReLU(WᵀReLU(Wx) + b)"]
    assert all(title in dataset.attrs["findings"] for title in titles)


def test_correlated_features_are_refused():
    with pytest.raises(ConfigError, match=r"hierarchy needs data\.sets\.kind = independent"):
        superposition_jax.run([*TINY, "data.sets.kind=correlated", "data.sets.sizes=2"])


@pytest.mark.slow
def test_what_each_model_loses():
    """Linear: nothing but the basis. ReLU output: superposed when sparse. Hidden ReLU: decomposable. |x|: linear."""
    dataset = superposition_jax.run(["experiment=hierarchy", "figures=[]", "sweep.axes.seed.range=16"])
    linear, relu, hidden, absolute = (dataset.isel(architecture=k) for k in range(4))

    def apart(values, limit):
        error = values.std("seed", ddof=1) / 16**0.5
        return (values.mean("seed") - limit) / error

    for model in (linear, relu):
        np.testing.assert_allclose(model["linear_share"], 1, atol=1e-3)
        np.testing.assert_allclose(model["interaction_share"], 0, atol=1e-3)
        rotated, trained = (model["basis_loss"].sel(basis=basis) for basis in ("rotated", "trained"))
        np.testing.assert_allclose(rotated / trained, 1, rtol=1e-4)
    assert np.all(linear["on_level"].sel(level="not superposed") == 1)
    assert np.all(relu["on_level"].sel(level="not superposed", sparsity=slice(0.9, None)) == 0)
    trained = hidden.sel(basis="trained")
    assert np.all(apart(trained["interaction_share"].sel(sparsity=[0.9, 0.97]), 0.03) > 3)
    assert np.all(apart(trained["aligned_z"].sel(sparsity=[0.0, 0.7]), 0) > 3)
    assert np.all(apart(np.log(hidden["basis_loss"]).diff("basis").isel(basis=0), np.log(2)) > 3)
    half = 1 / (2 - 0.75 * (1 - dataset["sparsity"]))
    rare = absolute["linear_share"].sel(basis="trained", sparsity=[0.99, 0.997, 0.999])
    np.testing.assert_allclose(rare.mean("seed"), half.sel(sparsity=rare["sparsity"]), rtol=0.02)
