"""The candidates' losses in every cell: the paper's in closed form, and the optima of their arrangements."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.core import evaluation, geometry, random
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.phase import FLAGS, candidates, diagram
from superposition_jax.results import select
from superposition_jax.theory.arrangements import Arrangement, optimum
from superposition_jax.types import Hparams, Spec

_VARIABLES = ("candidate_loss", "optimised_loss", "optimised_norm", "optimised_superposition", "optimised_phase")


def in_cells(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """`_VARIABLES` for every cell and candidate, NaN or phase −1 where candidates are not known, and the candidates' names."""
    across, up = diagram.plane(dataset)
    others = [dim for dim in select.cell_dims(dataset) if dim not in (across, up)]
    names = _names(diagram.shape(dataset))
    unknown = np.full((len(_VARIABLES), dataset.sizes[across], dataset.sizes[up], len(names)), np.nan)
    unknown[_VARIABLES.index("optimised_phase")] = -1
    values = [_candidates(dataset, place, trainer) if known else unknown for place, known in diagram.settings(dataset)]
    arrays = np.stack(values, axis=1).reshape(len(_VARIABLES), *(dataset.sizes[d] for d in others), *unknown.shape[1:])
    dims = (*others, across, up, "candidate")
    variables = {name: xr.DataArray(array.astype(np.float32), dims=dims) for name, array in zip(_VARIABLES, arrays, strict=True)}
    variables["optimised_phase"] = variables["optimised_phase"].astype(np.int8).assign_attrs(FLAGS)
    return variables | {"candidate": np.array(names)}


def _names(shape: tuple[int, int]) -> list[str]:
    """All candidates of a size (n, m), the paper's first."""
    return list(dict.fromkeys([*candidates.CANDIDATES[shape](0.5, 1.0), *candidates.ARRANGEMENTS[shape]]))


def _candidates(dataset: xr.Dataset, place: dict[str, int], trainer: Trainer) -> np.ndarray:
    """`_VARIABLES` in one setting (5, density, importance, candidate); candidates that are not minima are optimised."""
    plane, shape, sweep = diagram.plane(dataset), diagram.shape(dataset), dataset["status"]
    points = sweep.copy(data=np.arange(sweep.size).reshape(sweep.shape)).isel(place)
    points = points.isel({dim: 0 for dim in points.dims if dim not in plane}).transpose(*plane).values
    p, r = np.meshgrid(*diagram.coordinates(dataset), indexing="ij")
    law = [select.leaf(dataset, f"data.values.{name}", place) for name in ("law", "exponent")]
    paper, arrangements = candidates.CANDIDATES[shape](p, r, *law), candidates.ARRANGEMENTS[shape]
    optima, columns = _optima(arrangements, points.ravel(), trainer), []
    for name in _names(shape):
        if name in arrangements:
            best = optima[name]
            extra = [best["feature_norm"][:, -1], best["superposition"][:, -1]]
            values = [best["loss"], *extra, diagram.classify(*extra, diagram.is_triangle(best["W"]))]
        else:
            extra = np.array(candidates.EXTRA[name], float)
            values = [paper[name], *(np.full(p.size, value) for value in (*extra, diagram.classify(*extra)))]
        columns.append([paper.get(name, np.full(p.shape, np.nan)), *(value.reshape(p.shape) for value in values)])
    return np.moveaxis(np.array(columns), 0, -1)


def _optima(
    arrangements: Mapping[str, Sequence[Arrangement]], points: np.ndarray, trainer: Trainer
) -> dict[str, per_model.Arrays]:
    """The optima (point, …) of arrangements by name, the least from any start, evaluated as trained models are."""

    def one(hparams: Hparams, within: Arrangement, *, spec: Spec) -> dict[str, Any]:
        params = optimum(within, hparams, spec=spec)
        return params | evaluation.evaluate(random.key(0), hparams, params, spec=spec) | geometry.measure(params["W"])

    names, starts = zip(*((name, start) for name, starts in arrangements.items() for start in starts), strict=True)
    within = Arrangement(*(np.repeat(np.stack(parts), points.size, axis=0) for parts in zip(*starts, strict=True)))
    minima = per_model.at_points(trainer, np.tile(points, len(starts)), one, within)
    loss, optima = minima["loss"].reshape(len(starts), points.size), {}
    for name in arrangements:
        rows = np.flatnonzero(np.array(names) == name)
        least = rows[loss[rows].argmin(axis=0)] * points.size + np.arange(points.size)
        optima[name] = {key: values[least] for key, values in minima.items()}
    return optima
