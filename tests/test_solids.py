"""Solids of known geometry, alone, together, turned and shaken."""

import numpy as np
import pytest
from scipy.stats import ortho_group

import superposition_jax
from superposition_jax.experiments import components as solids
from superposition_jax.experiments import figures
from superposition_jax.theory import losses


def simplex(m):
    """m + 1 unit vectors in m dimensions, all at equal angles."""
    points = np.eye(m + 1) - 1 / (m + 1)
    return np.linalg.svd(points)[2][:m] @ points * (1 + 1 / m) ** 0.5


def antiprism():
    """Eight unit vectors: two squares, one turned by 45 degrees."""
    turn = np.arange(8) * np.pi / 4
    height = np.where(np.arange(8) % 2, 1, -1) * 0.5
    flat = (1 - height**2) ** 0.5
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height])


SOLIDS = {"single": np.ones((1, 1)), "digon": np.array([[1.0, -1.0]]), "square antiprism": antiprism()}
SOLIDS |= {"triangle": losses.polygon(3), "pentagon": losses.polygon(5), "hexagon": losses.polygon(6)}
SOLIDS |= {"tetrahedron": simplex(3), "4-simplex": simplex(4)}


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_in_any_position(name):
    rng = np.random.default_rng(0)
    w = np.zeros((4, SOLIDS[name].shape[1] + 1))
    w[: SOLIDS[name].shape[0], :-1] = SOLIDS[name]
    graph = solids.components(ortho_group.rvs(4, random_state=rng) @ w + 0.02 * rng.normal(size=w.shape))
    assert graph.component[-1] == -1  # the feature that is not represented
    assert graph.features[-1] == graph.points[-1] == graph.dimension[-1] == 0
    assert {solids.name(*kind) for kind in zip(*(column[:-1] for column in graph[1:]), strict=True)} == {name}


def test_every_name_is_of_a_solid_that_is_one_component():
    assert set(solids.NAMES.values()) == set(SOLIDS)


def test_factors_of_a_tegum_product_are_told_apart():
    """A triangular bipyramid is a triangle and a digon, an octahedron three digons."""
    parts = [SOLIDS["triangle"], SOLIDS["digon"], SOLIDS["digon"], SOLIDS["single"]]
    w = np.zeros((5, 8))
    row = column = 0
    for part in parts:
        w[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    graph = solids.components(w)
    assert graph.component.tolist() == [0, 0, 0, 1, 1, 2, 2, 3]
    assert graph.points.tolist() == [3, 3, 3, 2, 2, 2, 2, 1]
    assert graph.dimension.tolist() == [2, 2, 2, 1, 1, 1, 1, 1]


def test_features_in_one_direction_are_one_point():
    graph = solids.components(np.repeat(losses.polygon(3), 2, axis=1))
    assert graph.features.tolist() == [6] * 6
    assert graph.points.tolist() == [3] * 6


def test_nothing_represented():
    assert solids.components(np.zeros((2, 4))).component.tolist() == [-1] * 4


def test_a_part_of_a_sweep_is_drawn_with_its_own_solids():
    dataset = superposition_jax.run(["experiment=intro", "sweep.axes.seed.range=8"])
    drawn = {"".join(axes.get_title() for axes in figures.draw("solids", dataset.isel(sparsity=[k])).axes) for k in (0, -1)}
    assert drawn == {"", "pentagon\n1 − S = 0.1"}
