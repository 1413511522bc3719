"""Learning as geometry, in numbers: two sets of features part along a line, become triangles, and turn into an antiprism."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.core import sets
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.learning import SHAPES, STAGES
from superposition_jax.experiments.wording import mean_error, share_of_seeds
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec


def stages(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Measures of how two sets of features part, form triangles and an antiprism, at every snapshot, and the steps of the stages.

    Elhage et al. 2022, "Learning as Geometric Transformations".
    """
    return per_model.on_host(dataset, trainer, partial(_of_model, dataset["snapshot"].values), "W_snapshots")


def _of_model(steps: np.ndarray, spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, Any]:
    w = results["W_snapshots"]
    measures, size = measure(w, sets.owner(spec.sets)), np.sum(w**2, axis=(1, 2))
    on_line = (size > 1.5) & (measures["within_least"] > 0.9)
    apart = (size > 4) & (measures["within_most"] < 0.15)
    moments = {
        "line_step": _first(on_line[::-1], steps[::-1]),
        "line_share": _first(on_line[::-1], measures["axis_share"][::-1]),
        "triangles_step": _first(apart & (measures["roundness"] > 0.7), steps),
        "antiprism_step": _first(apart & (measures["partner"] < -0.95), steps),
    }
    return {name: np.float32(value) for name, value in (measures | moments).items()}


def measure(w: np.ndarray, owner: np.ndarray) -> dict[str, np.ndarray]:
    """`SHAPES` (snapshot,) for W (snapshot, hidden, feature) and the set, 0 or 1, of every feature."""
    first, second = w[..., owner == 0], w[..., owner == 1]
    axis = _unit((first.mean(axis=2) - second.mean(axis=2))[..., None])
    along = axis.swapaxes(1, 2) @ w
    variance = np.linalg.svd(w - axis * along, compute_uv=False) ** 2
    within = np.concatenate([_cosines(w_set, w_set)[:, *np.triu_indices(w_set.shape[2], 1)] for w_set in (first, second)], axis=1)
    across = _cosines(first, second)
    return {
        "axis_share": np.sum(along**2, axis=(1, 2)) / np.maximum(np.sum(w**2, axis=(1, 2)), 1e-12),
        "within_least": within.min(axis=1),
        "within_most": np.abs(within).max(axis=1),
        "partner": np.maximum(across.min(axis=2).max(axis=1), across.min(axis=1).max(axis=1)),
        "roundness": variance[:, 1] / np.maximum(variance[:, 0], 1e-12),
    }


def _unit(w: np.ndarray) -> np.ndarray:
    return w / np.maximum(np.linalg.norm(w, axis=1, keepdims=True), 1e-12)


def _cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _unit(a).swapaxes(1, 2) @ _unit(b)


def _first(holds: np.ndarray, values: np.ndarray) -> float:
    """The value (snapshot,) at the first snapshot where a condition holds (snapshot,); NaN if it never does."""
    return values[holds.argmax()] if holds.any() else np.nan


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The order of the stages in every cell, their steps, and the geometry at the end."""
    for place, cell in select.ok_cells(dataset, *STAGES, *SHAPES):
        words = labels.place(dataset, place, ", ")
        line, line_share, triangles, antiprism = (cell[name] for name in STAGES)
        ordered = (line < triangles) & (triangles <= antiprism)
        yield f"{words}line, then triangles, then antiprism in {share_of_seeds(ordered)}"
        yield f"{words}triangles before the antiprism, not with it, in {share_of_seeds(triangles < antiprism)}"
        first, then, end = (mean_error(step) for step in (line, triangles, antiprism))
        yield f"{words}line until step {first}, triangles at {then}, antiprism at {end}"
        yield f"{words}{mean_error(line_share, '.3g', 100)} % of ‖W‖² along one axis when the line ends"
        last = cell.isel(snapshot=-1)
        along, partner = mean_error(last["axis_share"], ".3g", 100), float(last["partner"].max())
        yield f"{words}at the end {along} % of ‖W‖² along the axis, greatest cosine of partners {partner:.3f}"
