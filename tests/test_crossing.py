"""Where two digons give way to a pentagon, by the table and by SciPy's minima of the exact loss."""

import functools

import numpy as np
import pytest
import xarray as xr
from exact import exact_loss, least_loss
from scipy.optimize import minimize

import superposition_jax
from superposition_jax.experiments.crossing.numeric import crossing_point, sign_change

NODES = (64, 20, 8, 5)
PENTAGON = [[0, 1, 2, -2, -1], [3, 4, -5, -5, 4]]
DENSITY = 0.05
PLACES = 0.0132, 0.0135
CROSSING = 0.0134541
"""SciPy's crossing; with 200, 48, 14 and 8 nodes it is 1e-8 higher."""


@functools.cache
def pentagon_loss(first):
    start = [0.99, 0.69, 1.16, 0.476, 0.86], [-0.43, -0.17, -0.17]
    return least_loss([first, *[DENSITY] * 4], PENTAGON, np.ones(5), *start, NODES, by=[0, 1, 2, 2, 1])


@functools.cache
def digons_loss(first, dead=False):
    """Twice an antipodal pair's loss, and the variance of the first feature, or its mean square if its output is 0."""
    pair, _ = least_loss([DENSITY] * 2, [[1, -1]], np.ones(2), [1.0], [0.01], NODES, by=[0, 0])
    return 2 * pair + first / 3 - (0 if dead else first**2 / 4)


@pytest.fixture(scope="module")
def near():
    """A short axis, from dense to sparse."""
    axis = [f"sweep.axes.first.{key}" for key in ("geomspace=null", "num=null")] + ["sweep.axes.seed.range=2"]
    axis += [f"+sweep.axes.first.values=[0.015, {PLACES[1]}, {PLACES[0]}, 0.012]", "train.steps=50"]
    return superposition_jax.run(["experiment=perturbed", *axis, "figures=[]", "tables=[crossing]"])


@pytest.mark.parametrize(("name", "dead", "about"), [("optimised", False, CROSSING), ("dead", True, 0.0132173)])
def test_optima_cross_where_scipys_do(near, name, dead, about):
    ahead = [np.log(digons_loss(place, dead) / pentagon_loss(place)[0]) for place in PLACES]
    crossing = np.exp(np.interp(0, ahead, np.log(PLACES)))
    assert crossing == pytest.approx(about, abs=2e-6)
    error = float(near[f"crossing_{name}_error"])
    assert abs(float(near[f"crossing_{name}"]) - crossing) < 2 * error
    assert error < 2e-5


def test_optima_lose_what_scipys_do(near):
    expected = np.array([[pentagon_loss(p)[0], digons_loss(p), digons_loss(p, dead=True)] for p in PLACES])
    loss, error = (near[f"solution_{name}"].values[[2, 1]] for name in ("loss", "error"))
    assert np.all(np.abs(loss - expected) < error + 1e-6 * expected)
    assert np.all(error < 1e-3 * loss)


@pytest.mark.slow
def test_the_symmetric_pentagon_is_a_minimum():
    """Free to move in all ten weights and five biases, it gains nothing."""
    loss, free = pentagon_loss(CROSSING)
    w, p = np.sign(PENTAGON) * np.append(0, free[:5])[np.abs(PENTAGON)], [CROSSING, *[DENSITY] * 4]

    def lost(at):
        return exact_loss(p, at[:10].reshape(2, 5), at[10:], np.ones(5), NODES) / loss

    start = np.append(w, free[5:][[0, 1, 2, 2, 1]])
    for seed in range(3):
        moved = start + 0.01 * np.random.default_rng(seed).normal(size=15)
        least = minimize(lost, moved, method="BFGS", options={"gtol": 1e-6}).fun
        assert 1 - 1e-6 < least < 1 + 1e-6


OTHER_MODELS = [pytest.param(other, marks=pytest.mark.slow) for other in ("model.n_hidden=3", "model.activation=identity")]


@pytest.mark.parametrize("other", ["data.importance.kind=geometric", *OTHER_MODELS])
def test_other_models_have_no_known_optima(other):
    axis = ["sweep.axes.first.num=3", "sweep.axes.seed.range=2", "train.steps=20", "figures=[]", "tables=[crossing]"]
    assert "solution_loss" not in superposition_jax.run(["experiment=perturbed", *axis, other])


def test_where_a_function_changes_its_sign():
    x = np.linspace(0, 3, 7)
    assert sign_change(x, np.log((x + 1) / 2.7)) == pytest.approx(1.7, abs=1e-3)
    assert sign_change(x, np.clip(9 * (x - 1.7), -1, 1)) == pytest.approx(1.5 + 0.5 * 1 / 1.9, abs=0.05)
    assert np.isnan([sign_change(x, x + 1), sign_change(x, -x - 1), sign_change(x, np.where(x > 1, np.nan, -1.0))]).all()
    assert sign_change(x, -np.sin(2 * x)) == pytest.approx(np.pi / 2, abs=0.05)


def test_the_crossings_error_has_that_of_losses_and_of_training():
    """Losses x and 1 of both kinds cross at 1, with a slope of 1 in the logarithm."""
    values, rng = np.geomspace(0.5, 2, 8), np.random.default_rng(0)
    digons = np.repeat([[True, False]], 50, axis=1)[:, np.argsort(rng.random(100))].repeat(8, axis=0)
    exact = np.where(digons, values[:, None], 1.0)

    def point(*arrays):
        return crossing_point(values, *(xr.DataArray(array, dims=("place", "seed")) for array in arrays))

    place, error = point(exact, np.zeros_like(exact), digons)
    assert (place, error) == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    _, error = point(exact, 1e-3 * exact, digons)
    assert error == pytest.approx(2e-3, rel=0.01)  # those of both kinds, were they to differ in sign
    scattered = exact * np.where(digons, 1.0, 1 + 1e-3 * rng.random(exact.shape))
    _, error = point(scattered, np.zeros_like(exact), digons)
    assert error == pytest.approx(5e-4, rel=0.3)
    assert np.isnan(point(exact, np.zeros_like(exact), ~digons)[0])
