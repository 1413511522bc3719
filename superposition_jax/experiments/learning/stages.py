"""Learning as geometry, in numbers: two sets of features part along a line, open to triangles, and turn to an antiprism."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core import sets
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.wording import mean_error, share
from superposition_jax.results import labels, select

_MEANINGS = {
    "axis_share": "share of ‖W‖² along the line through both sets' means",
    "within_least": "least cosine between features of one set",
    "within_most": "largest |cosine| between features of one set",
    "partner": "cosine of a feature with its most opposite one of the other set, for the feature where it is greatest",
    "roundness": "ratio of the second to the first variance of W across that line",
}
_STAGES = {
    "line_step": "last snapshot at which both sets are directions on a line: ‖W‖² > 1.5, cosines within sets > 0.9",
    "line_share": "axis_share at that snapshot: 1 where the sets point to opposite sides, ½ where they are orthogonal",
    "triangles_step": "first snapshot with triangles: ‖W‖² > 4, |cosines| within sets < 0.15, roundness > 0.7",
    "antiprism_step": "first snapshot with an antiprism: ‖W‖² > 4, |cosines| within sets < 0.15, partners' cosine < −0.95",
}


def stages(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """How two sets of features part, then form triangles and an antiprism: at every snapshot, and when.

    Elhage et al. 2022, "Learning as Geometric Transformations".
    """
    sweep, steps = dataset["status"], dataset["snapshot"].values
    w = select.directions(dataset, "_snapshots").transpose(*sweep.dims, "snapshot", "hidden", "feature").values
    owner = sets.owner(trainer.groups[0].spec.sets)
    found = [measure(one, owner) for one in w.reshape(-1, *w.shape[-3:])]
    size = np.array([np.sum(one**2, axis=(1, 2)) for one in w.reshape(-1, *w.shape[-3:])])
    by_step = {name: np.array([one[name] for one in found]) for name in _MEANINGS}
    line = (size > 1.5) & (by_step["within_least"] > 0.9)
    apart = (size > 4) & (by_step["within_most"] < 0.15)
    when = {
        "line_step": _first(line[:, ::-1], steps[::-1]),
        "line_share": _first(line[:, ::-1], by_step["axis_share"][:, ::-1]),
        "triangles_step": _first(apart & (by_step["roundness"] > 0.7), steps),
        "antiprism_step": _first(apart & (by_step["partner"] < -0.95), steps),
    }
    variables = {
        name: ((*sweep.dims, "snapshot"), values.reshape(*sweep.shape, -1).astype(np.float32), {"long_name": _MEANINGS[name]})
        for name, values in by_step.items()
    } | {name: (sweep.dims, values.reshape(sweep.shape), {"long_name": _STAGES[name]}) for name, values in when.items()}
    table = xr.Dataset(variables)
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def measure(w: np.ndarray, owner: np.ndarray) -> dict[str, np.ndarray]:
    """`_MEANINGS` (snapshot,) for W (snapshot, hidden, feature) and the set, 0 or 1, of every feature."""
    one, other = w[..., owner == 0], w[..., owner == 1]
    axis = _unit((one.mean(axis=2) - other.mean(axis=2))[..., None])
    along = axis.swapaxes(1, 2) @ w
    variance = np.linalg.svd(w - axis * along, compute_uv=False) ** 2
    within = np.concatenate([_cosines(part, part)[:, *np.triu_indices(part.shape[2], 1)] for part in (one, other)], axis=1)
    across = _cosines(one, other)
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


def _first(found: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The value, of (snapshot,) or (model, snapshot), where something is first found (model, snapshot); NaN where it never is."""
    there = np.broadcast_to(values, found.shape)[np.arange(len(found)), found.argmax(axis=1)]
    return np.where(found.any(axis=1), there, np.nan).astype(np.float32)


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    few = dataset[[*_STAGES, *_MEANINGS, "loss"]]
    for here, cell in select.cells(few):
        place = labels.place(dataset, here, ", ")
        line, straight, triangles, antiprism = (np.atleast_1d(cell[name].values) for name in _STAGES)
        ordered = (line < triangles) & (triangles <= antiprism)
        yield f"{place}line, then triangles, then antiprism in {share(int(ordered.sum()), ordered.size)}"
        yield f"{place}triangles before the antiprism, not with it, in {share(int((triangles < antiprism).sum()), ordered.size)}"
        last = cell.isel(snapshot=-1)
        when = [mean_error(step) for step in (line, triangles, antiprism)]
        yield f"{place}line until step {when[0]}, triangles at {when[1]}, antiprism at {when[2]}"
        yield f"{place}{mean_error(straight, '.3g', 100)} % of ‖W‖² along one axis when the line ends"
        along, partner = mean_error(last["axis_share"].values, ".3g", 100), float(last["partner"].max())
        yield f"{place}at the end {along} % of ‖W‖² along the axis, greatest cosine of partners {partner:.3f}"
