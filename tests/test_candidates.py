"""Candidate solutions of the phase diagrams against quadrature of the real model in double precision."""

from functools import partial

import numpy as np
import pytest
from oracle import antipodal_loss, expected_loss

from superposition_jax.engine import population
from superposition_jax.experiments.phase import candidates
from superposition_jax.theory import arrangements, losses
from superposition_jax.types import Hparams, Spec

LAW_EXPONENTS = [("uniform", 1.0), ("upper", 1.0), ("exponential", 1.0), ("power", 0.5), ("power", 3.0), ("binary", 1.0)]


@pytest.mark.parametrize("p", [0.9, 0.2])
@pytest.mark.parametrize("r", [0.3, 4.0])
def test_candidates_of_two_features(p, r):
    fixed = candidates.candidates_n2m1(p, r)
    mean = p / 2
    solutions = {"last dropped": ([[1, 0]], [0, mean]), "first dropped": ([[0, 1]], [mean, 0]), "antipodal": ([[1, -1]], [0, 0])}
    for name, (w, b) in solutions.items():
        np.testing.assert_allclose(fixed[name], expected_loss(p, w, b, [1, r]), rtol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(("p", "r"), [(0.7, 2.0), (0.1, 0.5)])
def test_candidates_of_three_features(p, r):
    fixed = candidates.candidates_n3m2(p, r)
    mean = p / 2
    solutions = {
        "last dropped": ([[1, 0, 0], [0, 1, 0]], [0, 0, mean]),
        "first dropped": ([[0, 1, 0], [0, 0, 1]], [mean, 0, 0]),
        "last antipodal": ([[1, 0, 0], [0, 1, -1]], [0, 0, 0]),
        "others antipodal": ([[1, -1, 0], [0, 0, 1]], [0, 0, 0]),
    }
    for name, (w, b) in solutions.items():
        expected = expected_loss(p, w, b, [1, 1, r], points=(5000, 500, 64))
        np.testing.assert_allclose(fixed[name], expected, rtol=1e-6, err_msg=name)


STEEP = {("exponential", 1.0), ("power", 0.5)}
"""Laws with quantiles that the midpoint rule resolves slowly."""


@pytest.mark.parametrize(
    ("law", "exponent"), [pytest.param(*law, marks=[pytest.mark.slow] * (law in STEEP)) for law in LAW_EXPONENTS]
)
def test_other_laws(law, exponent):
    p, r, (first, _) = 0.4, 2.5, losses.moments(law, exponent)
    fixed = candidates.candidates_n2m1(p, r, law, exponent)
    points, tolerance = ((100_000, 1500), 2e-3) if (law, exponent) in STEEP else ((10_000, 1000), 1e-6)
    for name, (w, b) in {"last dropped": ([[1, 0]], [0, p * first]), "antipodal": ([[1, -1]], [0, 0])}.items():
        expected = expected_loss(p, w, b, [1, r], law, exponent, points=points)
        np.testing.assert_allclose(fixed[name], expected, rtol=tolerance, err_msg=name)
    with pytest.raises(ValueError, match="signed"):
        candidates.candidates_n2m1(p, r, "signed")


@pytest.mark.parametrize(("law", "exponent"), LAW_EXPONENTS)
def test_regions_meet_where_the_losses_are_equal(law, exponent):
    p_star, r_star = candidates.triple_point(law, exponent)
    if p_star <= 1:
        for losses_of in (candidates.candidates_n2m1, candidates.candidates_n3m2):
            losses = np.array(list(losses_of(p_star, r_star, law, exponent).values()))
            np.testing.assert_allclose(losses, losses[0], rtol=1e-12)
    assert candidates.triple_point()[0] == pytest.approx(4 / 7)


@pytest.mark.parametrize("seed", range(6))
def test_any_antipodal_pair(seed):
    rng = np.random.default_rng(seed)
    p, r = rng.uniform(0.05, 1), rng.uniform(0.1, 10)
    a, c, b, d = rng.uniform([0.2, 0.2, -0.3, -0.3], [1.3, 1.3, 0.5, 0.5])
    loss = antipodal_loss(p, r, (a, c), (b, d))
    np.testing.assert_allclose(loss, expected_loss(p, [[a, -c]], [b, d], [1, r]), rtol=1e-6)
    np.testing.assert_allclose(antipodal_loss(p, r, (1, 1), (0, 0)), (1 + r) * p**2 / 6)


@pytest.mark.parametrize("name", ["last antipodal", "others antipodal", "triangle"])
def test_optima_are_in_their_arrangement(name):
    """To the last bit: zeros are zeros, equal entries equal, and no sign is turned."""
    within, spec = candidates.ARRANGEMENTS[3, 2][name][-1], Spec(3, 2)
    rng = np.random.default_rng(2)
    one = dict.fromkeys(Hparams.__dataclass_fields__, np.ones(6, np.float32))
    density = np.repeat(rng.uniform(0.01, 1, (6, 1)), 3, axis=1)
    hparams = Hparams(**one | {"density": density, "importance": rng.uniform(0.1, 5, (6, 1)) ** [[0, 0, 1]]})
    w = population.over_models(partial(arrangements.optimum, within, spec=spec, steps=50), hparams)["W"]
    lengths = np.array([[np.abs(w[:, within.pattern == sign * k]).max(axis=1, initial=0) for sign in (-1, 1)] for k in range(4)])
    lengths = lengths.max(axis=1)
    assert np.all(lengths[0] == 0)
    np.testing.assert_array_equal(w, np.sign(within.pattern) * np.moveaxis(lengths[np.abs(within.pattern)], -1, 0))
