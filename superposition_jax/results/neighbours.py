"""Bounds between the losses of neighbouring cells, and retraining of cells that lose more than a bound allows.

All bounds follow from one theorem. For any parameters θ the loss is a sum Σ w·e(θ) of squared errors e ≥ 0, one for every feature
and every set of active features, whose weights w = I_i · Π p_j · Π (1 − p_k) depend on the cell only. If no weight in cell B is
more than c times that in cell A, then L(θ; B) ≤ c·L(θ; A) for every θ, and so the least losses obey L*(B) ≤ c·L*(A). For
importances c = max(1, max_i I_i(B)/I_i(A)): the loss cannot fall as an importance rises, nor rise faster than it. For densities
c = Π_i max(p_i(B)/p_i(A), (1 − p_i(B))/(1 − p_i(A))): as the density falls, the loss may rise a little, but no more. With more
hidden dimensions c = 1, because a row of zeros in W changes nothing. The theorem holds for every activation and law.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.results import assemble, netcdf, select, status
from superposition_jax.sweep import Grid
from superposition_jax.types import PARAMS

EXCESS = 1e-3
"""Relative excess over a bound above which a cell is flagged."""
_ROUNDS = 10
"""Most rounds of repair."""
_SMALL = 0.05
"""Standard deviation of the initial weights of hidden dimensions that a neighbour does not have; zeros have no gradient."""


def stuck_cells(dataset: xr.Dataset, tolerance: float = EXCESS) -> xr.DataArray:
    """Cells whose best loss over seeds exceeds a bound from a neighbour's: True where better parameters certainly exist.

    Where it is False they may exist too: the bounds are sharp along importances and hidden dimensions, but loose between very
    different densities. The excess must be more than `tolerance`, relative, and three standard errors. Neighbours are adjacent on
    an axis over density, sparsity, an entry of importance.list, or n_hidden; there are no bounds along other axes.

    Raises:
      ValueError: if the Dataset lacks `loss`, `loss_stderr` or `loss_relative`.
    """
    if missing := [name for name in ("loss", "loss_stderr", "loss_relative") if name not in dataset]:
        raise ValueError(f"check: the Dataset has no {', '.join(missing)}; give a run's whole Dataset")
    best = _best(netcdf.updated(dataset))
    flagged = np.zeros(best["loss"].size, bool)
    for cells, _ in _violations(best, tolerance):
        flagged[cells] = True
    return best["loss"].copy(data=flagged.reshape(best["loss"].shape)).rename("above_a_neighbour").drop_attrs()


def _best(dataset: xr.Dataset) -> xr.Dataset:
    """A small Dataset of the best seeds: loss, its standard error, and its floor."""
    best = select.best_seed(dataset[select.loss_names(dataset)])
    return best.assign(floor=select.floor(best)).assign_attrs(features=dataset.sizes["feature"])


def _violations(best: xr.Dataset, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flat indices of cells above a bound and of the neighbours that it comes from, for every axis and direction."""
    others = ("train.penalty.kind", "train.adversarial")  # with which some models minimise more than the loss
    if "config" in best.attrs and any(select.varies(best, path) or select.leaf(best, path, {}) for path in others):
        return
    loss = best["loss"].fillna(np.inf).values
    stderr = np.where(np.isfinite(best["loss_stderr"].values), best["loss_stderr"].values, 0.0)
    cells = np.arange(loss.size).reshape(loss.shape)
    for axis, dim in enumerate(best["loss"].dims):
        for b, a in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            c = _bound(best, str(dim), b, a).reshape(-1, *[1] * (loss.ndim - axis - 1))
            in_b, in_a = ((slice(None),) * axis + (places,) for places in (b, a))
            bounded = np.isfinite(c) & np.isfinite(loss[in_a])
            c, loss_a = np.where(bounded, c, 0.0), np.where(bounded, loss[in_a], 0.0)
            most = c * loss_a * (1 + tolerance) + best["floor"].values[in_b] + 3 * np.hypot(stderr[in_b], c * stderr[in_a])
            above = bounded & (loss[in_b] > most)
            yield cells[in_b][above], cells[in_a][above]


def _bound(dataset: xr.Dataset, dim: str, b: slice, a: slice) -> np.ndarray:
    """The theorem's c for cells B and A at places `b` and `a` of an axis; infinite where there is no bound."""
    coordinates = select.paths(dataset, dim)
    bound = np.full(len(range(*b.indices(dataset.sizes[dim]))), 1.0 if coordinates else np.inf)
    for path, coordinate in coordinates.items():
        bound = bound * _worst_weight(path, dataset.attrs["features"], coordinate.values[b], coordinate.values[a])
    return bound


def _worst_weight(path: str, features: int, b: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The largest ratio of a weight at values `b` of a leaf of the config to that at values `a`."""
    leaf, _, entry = path.rpartition(".")
    of_all_features, kind = not entry.isdigit(), leaf if entry.isdigit() else path
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "model.n_hidden":
            return np.where(b >= a, 1.0, np.inf)
        if kind == "data.importance.list" and not of_all_features:
            return np.where(b > a, b / a, 1.0)
        if kind in ("data.sparsity", "data.density"):
            b, a = (1 - b, 1 - a) if kind == "data.sparsity" else (b, a)
            one = np.where(b > a, b / a, np.where(b < a, (1 - b) / (1 - a), 1.0))
            return one**features if of_all_features else one
    return np.full(len(b), np.inf)


def repair(grid: Grid, trainer: Trainer, trained: Sequence[dict[str, np.ndarray]]) -> xr.Dataset:
    """The Dataset of trained groups, with cells that `stuck_cells` flags trained again from their neighbours' best parameters.

    A model that ends below its cell's best takes the place of the cell's worst seed, and the variable `repaired` marks it. A
    better solution spreads by a cell per round; rounds end if no cell is flagged or none improves, and after ten.
    """
    parts = [*map(assemble.Part.of, trainer.groups, trained)]
    dataset, repaired = assemble.assemble(grid, parts), np.zeros(grid.n_points, bool)
    for _ in range(_ROUNDS):
        pairs = [np.concatenate(sides) for sides in zip(*_violations(_best(dataset), EXCESS), strict=True)]
        if not pairs or not pairs[0].size:
            break
        cells, neighbours = pairs
        loss, count = status.without_diverged(dataset)["loss"], len(parts)
        best, worst = (_points(loss, select.seed_dim(dataset), order) for order in ("argmin", "argmax"))
        target = loss.values.ravel()[best[cells]]
        for members, group, results in trainer.retrain(worst[cells], _start(dataset, best[neighbours], best[cells])):
            order = np.argsort(results["loss"])
            _, first = np.unique(group.points[order], return_index=True)  # the best of a cell's neighbours
            better = order[first]
            lower = results["loss"][better] < np.nan_to_num(target[members[better]], nan=np.inf)
            better = better[lower & (results["diverged_at"][better] < 0)]
            if better.size:
                new = group.at(better)
                values = {name: values[better] for name, values in results.items()}
                values |= {name: np.full(better.size, np.nan, np.float32) for name in select.AGAIN.values() if name in dataset}
                parts.append(assemble.Part.of(new, values))
                repaired[group.points[better]] = True
        if len(parts) == count:
            break
        dataset = assemble.assemble(grid, parts)
    meaning = {"long_name": "trained from a neighbour's parameters, since its cell lost more than the neighbour's loss allows"}
    return dataset.assign(repaired=(dataset["loss"].dims, grid.unravel(repaired), meaning))


def _points(loss: xr.DataArray, seed: str | None, order: str) -> np.ndarray:
    """The flat point of every cell's seed of least (argmin) or greatest (argmax) loss, (cell,)."""
    points = xr.DataArray(np.arange(loss.size).reshape(loss.shape), dims=loss.dims)
    return (points if seed is None else points.isel({seed: getattr(loss.fillna(np.inf), order)(seed)})).values.ravel()


def _start(dataset: xr.Dataset, points: np.ndarray, cells: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters at flat points of neighbours; hidden dimensions that only the best models of the cells have start small."""
    count, random, start = dataset["loss"].size, np.random.default_rng(0), {}
    for name, (dims, _) in PARAMS.items():
        if name in dataset:
            values = dataset[name].values.reshape(count, *(dataset.sizes[dim] for dim in dims))
            small = _SMALL * random.normal(size=values[cells].shape) if "hidden" in dims else 0.0
            start[name] = np.where(np.isnan(values[points]), small, values[points]).astype(np.float32)
    return start
