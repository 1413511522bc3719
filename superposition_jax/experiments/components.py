"""The solids that features form: components of the graph of their interference, told apart by number of points and dimension.

Features that interfere are joined. Together the components form a tegum product, in which each spans a space of its own.
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
"""Features with Ŵ_i·Ŵ_j above this count as one point."""
_FLAT = 0.3
"""Singular values below this share of the largest do not count towards a component's dimension."""
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
"""Names of solids by number of points and dimension. Squares, octahedra and bipyramids are products: several components."""
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
    """The component of every feature: its number (largest first, −1 if the feature is not represented), the number of its
    features, of directions in which they lie, and of dimensions that they span. Arrays are (feature,)."""

    component: np.ndarray
    features: np.ndarray
    points: np.ndarray
    dimension: np.ndarray


def name(features: int, points: int, dimension: int, count: int = 1) -> str:
    """One or several components of a kind in words.

    >>> name(2, 2, 1, count=2), name(6, 3, 2), name(9, 9, 4)
    ('2 digons', 'triangle of 6 features', '9 points in 4 dimensions')
    """
    known = NAMES.get((points, dimension))
    solid = known or f"{points} points in {dimension} dimension{'s' if dimension > 1 else ''}"
    solids = solid if count == 1 else f"{count} {known}s" if known else f"{count} × {solid}"
    return solids if features == points else f"{solids} of {features} features"


def components(w: np.ndarray) -> Components:
    """Components of one W (hidden, feature).

    >>> components(np.array([[1.0, -1, 0], [0, 0, 1]])).component.tolist()
    [0, 0, 1]
    """
    norm = np.linalg.norm(w, axis=0)
    represented = np.flatnonzero(norm > REPRESENTED)
    component, features, points, dimension = (np.full(w.shape[1], value, np.int16) for value in (-1, 0, 0, 0))
    unit = w[:, represented] / norm[represented]
    label = _joined(np.abs(unit.T @ unit) > EDGE)
    sizes = np.bincount(label, minlength=1)
    for number, k in enumerate(np.argsort(-sizes, kind="stable")):
        inside = label == k
        members = represented[inside]
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
"""The variables of the table `solids` that have the fields of `Components`."""


def of_model(model: xr.Dataset) -> Counter[tuple[int, int, int]]:
    """How many components one model with the table `solids` has of each kind (features, points, dimension)."""
    rows = zip(*(model[name].values.tolist() for name in VARIABLES), strict=True)
    return Counter({number: (int(n), int(points), int(m)) for number, n, points, m in rows if number >= 0}.values())


def arrangement(model: xr.Dataset) -> str:
    """The solids that one model's features form, largest first: `pentagon`, `2 digons`, `triangle + digon`, `nothing`."""
    kinds = sorted(of_model(model).items(), reverse=True)
    return " + ".join(name(*kind, count=count) for kind, count in kinds) or "nothing"
