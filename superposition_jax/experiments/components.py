"""Which solids the features of a trained model form: components of its graph of interference, by number of points and dimension.

Features that interfere are joined; a component that spans a space of its own is a factor of the tegum product that the whole is.
Elhage et al. 2022, "Uniform Superposition" and "Geometry of Features".
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from superposition_jax.core.geometry import REPRESENTED

EDGE = 0.2
"""Features with |Ŵ_i·Ŵ_j| above this are joined. In regular solids neighbours have at least 0.31 (pentagon)."""
_MERGED = 0.9
"""Features with Ŵ_i·Ŵ_j above this lie in one direction: they are one point."""
_FLAT = 0.3
"""Directions with a singular value below this share of the largest do not count towards a component's dimension."""

NAMES = {
    (1, 1): "single",
    (2, 1): "digon",
    (3, 2): "triangle",
    (4, 3): "tetrahedron",
    (5, 2): "pentagon",
    (5, 4): "4-simplex",
    (6, 2): "hexagon",
    (8, 3): "square antiprism",
}
"""By number of points and dimension. Squares, octahedra and bipyramids are not here: they are products, several components."""

LEVELS = {
    "single 1": 1,
    "tetrahedron ¾": 3 / 4,
    "triangle ⅔": 2 / 3,
    "digon ½": 1 / 2,
    "pentagon ⅖": 2 / 5,
    "square antiprism ⅜": 3 / 8,
}
"""Dimensionality D_i of features in regular solids."""


class Components(NamedTuple):
    """Of every feature: the number of its component (largest first, −1 if it is not represented), how many features that has, in
    how many directions they lie, and the dimension of the space that they span."""

    component: np.ndarray
    features: np.ndarray
    points: np.ndarray
    dimension: np.ndarray


def name(features: int, points: int, dimension: int, count: int = 1) -> str:
    """One or several components in words: `digon`, `2 digons`, `9 points in 4 dimensions`, `triangle of 6 features`."""
    known = NAMES.get((points, dimension))
    one = known or f"{points} points in {dimension} dimension{'s' * (dimension > 1)}"
    several = one if count == 1 else f"{count} {known}s" if known else f"{count} × {one}"
    return several if features == points else f"{several} of {features} features"


def components(w: np.ndarray) -> Components:
    """Components of one W (hidden, feature); every array is (feature,)."""
    norm = np.linalg.norm(w, axis=0)
    there = np.flatnonzero(norm > REPRESENTED)
    component, features, points, dimension = (np.full(w.shape[1], value, np.int16) for value in (-1, 0, 0, 0))
    unit = w[:, there] / norm[there]
    label = _joined(np.abs(unit.T @ unit) > EDGE)
    sizes = np.bincount(label, minlength=1)
    for number, k in enumerate(np.argsort(-sizes, kind="stable")):
        inside = label == k
        members = there[inside]
        if members.size:
            values = np.linalg.svd(w[:, members], compute_uv=False)
            component[members], features[members] = number, members.size
            points[members] = _joined(unit[:, inside].T @ unit[:, inside] > _MERGED).max() + 1
            dimension[members] = np.sum(values > _FLAT * values[0])
    return Components(component, features, points, dimension)


def _joined(edges: np.ndarray) -> np.ndarray:
    """Connected component of every node."""
    return connected_components(csr_array(edges), directed=False)[1]


VARIABLES = ("component", "component_features", "component_points", "component_dimension")
"""Variables of the table `solids`, for every feature."""


def of_model(model: xr.Dataset) -> Counter[tuple[int, int, int]]:
    """Components of one model with the table `solids`, by their numbers of features, points and dimensions."""
    rows = zip(*(model[name].values.tolist() for name in VARIABLES), strict=True)
    return Counter({number: (int(n), int(points), int(m)) for number, n, points, m in rows if number >= 0}.values())


def arrangement(model: xr.Dataset) -> str:
    """What one model's features form, largest first: `pentagon`, `2 digons`, `triangle + digon`, `nothing`."""
    kinds = sorted(of_model(model).items(), reverse=True)
    return " + ".join(name(*kind, count=count) for kind, count in kinds) or "nothing"
