"""Reading a phase diagram: its plane and settings, and the candidates of least loss, which training is held against."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from superposition_jax.core.geometry import REPRESENTED, SUPERPOSED
from superposition_jax.experiments.phase import candidates
from superposition_jax.results import select


def classify(norm: np.ndarray, superposition: np.ndarray, in_triangle: np.ndarray | bool = False) -> np.ndarray:
    """Phase of a feature from its norm ‖W_i‖, its superposition, and whether it is one of a triangle.

    >>> classify(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])).tolist()
    [0, 1, 2]
    """
    represented = np.where(in_triangle, 3, np.where(superposition > SUPERPOSED, 2, 1))
    return np.where(norm > REPRESENTED, represented, 0).astype(np.int8)


def is_triangle(w: np.ndarray) -> np.ndarray:
    """Whether W (…, hidden, feature) has three features in a plane, all represented, with |Ŵ_1 + Ŵ_2 + Ŵ_3| < √½.

    That length is 0 at 120°, and 1 for an antipodal pair with the third feature at a right angle. For two that are alike it is √½
    where their angles to the third are 98° or 149°.

    >>> is_triangle(np.array([[3**0.5 / 2, -(3**0.5) / 2, 0], [-0.5, -0.5, 1]])), is_triangle(np.array([[1, -1, 0], [0, 0, 1]]))
    (np.True_, np.False_)
    """
    if w.shape[-2:] != (2, 3):
        return np.zeros(w.shape[:-2], bool)
    norm = np.linalg.norm(w, axis=-2)
    total = (w / np.where(norm > 0, norm, 1.0)[..., None, :]).sum(axis=-1)
    return (norm > REPRESENTED).all(axis=-1) & (np.linalg.norm(total, axis=-1) < 0.5**0.5)


def plane(dataset: xr.Dataset) -> tuple[str, str]:
    """The dimensions of the density and of the extra feature's importance."""
    density, importance = (dim for dim, _ in _axes(dataset))
    return density, importance


def coordinates(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Densities and importances of the extra feature along the plane's axes."""
    density, importance = (values for _, values in _axes(dataset))
    return density, importance


def _axes(dataset: xr.Dataset) -> list[tuple[str, np.ndarray]]:
    extra = f"data.importance.list.{dataset.sizes['feature'] - 1}"
    return [select.axis(dataset, path) for path in ("data.density", extra)]


_PAPERS = {
    "model.kind": "tied",
    "model.activation": "relu",
    "model.hidden_activation": "identity",
    "model.bias": True,
    "data.sets.kind": "independent",
    "target.kind": "identity",
    "train.penalty.kind": None,
    "train.adversarial": False,
}
"""Settings for which the paper's candidates are solutions."""


def settings(dataset: xr.Dataset) -> Iterator[tuple[dict[str, int], bool]]:
    """Places on the axes other than density and importance, and whether the paper's candidates are known there."""
    size, first = shape(dataset), dataset[["loss"]].isel(dict.fromkeys(plane(dataset), 0), drop=True)
    for place, _ in select.cells(first):
        leaf = partial(select.leaf, dataset, place=place)
        papers = all(leaf(path, default=value) == value for path, value in _PAPERS.items())
        equal = set(leaf("data.importance.list")[:-1]) == {1.0}
        yield place, papers and equal and leaf("data.values.law") in candidates.PAIR_SQUARE and size in candidates.CANDIDATES


def shape(dataset: xr.Dataset) -> tuple[int, int]:
    """(n, m)."""
    return dataset.sizes["feature"], dataset.sizes["hidden"]


def theory(table: xr.Dataset, which: str) -> xr.Dataset:
    """Loss of the `candidate` or `optimised` candidates, and norm, superposition and phase of their extra feature."""
    loss = table[f"{which}_loss"]
    if which == "candidate":
        extra = np.array([candidates.EXTRA.get(str(name), (np.nan, np.nan)) for name in table["candidate"].values], np.float32)
        norm, superposition = (xr.DataArray(column, dims="candidate").broadcast_like(loss) for column in extra.T)
    else:
        norm, superposition = (table[f"optimised_{name}"] for name in ("norm", "superposition"))
    phase = table.get("optimised_phase") if which == "optimised" else None
    if phase is None:  # the paper's candidates, or a table of an earlier version
        phase = xr.apply_ufunc(classify, norm, superposition)
    values = {"loss": loss, "norm": norm, "superposition": superposition, "phase": phase.where(loss.notnull(), -1)}
    return xr.Dataset(values)


def least(table: xr.Dataset, which: str) -> xr.Dataset:
    """`theory` of the candidate of least loss; NaN, and phase −1, where none is known."""
    solutions = theory(table, which)
    return solutions.isel(candidate=solutions["loss"].fillna(np.inf).argmin("candidate"))


def excess(table: xr.Dataset) -> xr.DataArray:
    """Ratio of the best loss over seeds to the least optimised candidate's, minus 1."""
    return table["best_loss"] / least(table, "optimised")["loss"] - 1


def boundary(phase: xr.DataArray, plane: tuple[str, str]) -> xr.DataArray:
    """Cells at a boundary: with more than one phase among themselves and their eight neighbours."""
    padded = phase.pad(dict.fromkeys(plane, 1), mode="edge")
    near = padded.rolling(dict.fromkeys(plane, 3), center=True).construct({dim: f"near_{dim}" for dim in plane})
    window = [f"near_{dim}" for dim in plane]
    inner = near.isel(dict.fromkeys(plane, slice(1, -1)))
    return inner.max(window) > inner.min(window)
