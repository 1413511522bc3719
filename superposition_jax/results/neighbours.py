"""Checks that losses of neighbouring cells fit together, and repair of those that cannot be the least.

All bounds are one theorem. For any parameters θ the loss is a sum Σ w·e(θ) of squared errors e ≥ 0, one for every feature and
every set of active features, whose weights w = I_i · Π p_j · Π (1 − p_k) depend on the cell alone. If no weight in cell B is more
than c times that in cell A, then L(θ; B) ≤ c·L(θ; A) for every θ, and so the least losses obey L*(B) ≤ c·L*(A). That makes
c = max_i I_i(B)/I_i(A), but at least 1, for importances (so the loss cannot fall as one rises, nor rise faster than it), and
Π_i max(p_i(B)/p_i(A), (1 − p_i(B))/(1 − p_i(A))) for densities (the loss may rise a little as the density falls, but no more).
From m to more hidden dimensions c = 1: a row of zeros in W changes nothing. It holds for every activation and law.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.results import assemble, select
from superposition_jax.sweep import Grid, Group, take
from superposition_jax.types import PARAMS

EXCESS = 1e-3
_ROUNDS = 10
_SMALL = 0.05


def stuck_cells(dataset: xr.Dataset, tolerance: float = EXCESS) -> xr.DataArray:
    """Cells whose best loss over seeds is above what a neighbour's allows: True where better parameters surely exist.

    Where it is False they may exist too: the bound is sharp along importances and hidden dimensions, but loose across densities
    that differ much. Above by more than `tolerance`, relative, and three standard errors. Neighbours are next to one another on
    an axis over density, sparsity, an entry of importance.list, or n_hidden; along other axes nothing is known.
    """
    if missing := [name for name in ("loss", "loss_stderr", "loss_relative") if name not in dataset]:
        raise ValueError(f"check: the Dataset has no {', '.join(missing)}; give a run's whole Dataset")
    best = _best(dataset)
    flagged = np.zeros(best["loss"].size, bool)
    for cells, _ in _violations(best, tolerance):
        flagged[cells] = True
    return best["loss"].copy(data=flagged.reshape(best["loss"].shape)).rename("above_a_neighbour").drop_attrs()


def _best(dataset: xr.Dataset) -> xr.Dataset:
    """Loss and standard error of the best seeds, without W, curves and snapshots."""
    few = dataset[["loss", "loss_stderr"]].assign(floor=select.floor(dataset))
    return select.best_seed(few.assign_attrs(features=dataset.sizes["feature"]))


def _violations(best: xr.Dataset, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flat cells that lose too much, and for each the neighbour that shows it, for every axis and direction."""
    if _minimises_more(best):
        return
    loss = best["loss"].fillna(np.inf).values
    stderr = np.where(np.isfinite(best["loss_stderr"].values), best["loss_stderr"].values, 0.0)
    cells = np.arange(loss.size).reshape(loss.shape)
    for axis, dim in enumerate(best["loss"].dims):
        for here, there in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            c = _bound(best, str(dim), here, there).reshape(-1, *[1] * (loss.ndim - axis - 1))
            take = [(slice(None),) * axis + (part,) for part in (here, there)]
            (b, a), (error_b, error_a) = ([values[part] for part in take] for values in (loss, stderr))
            least = best["floor"].values[take[0]]
            known = np.isfinite(c) & np.isfinite(a)
            c, a = np.where(known, c, 0.0), np.where(known, a, 0.0)
            above = known & (b > c * a * (1 + tolerance) + least + 3 * np.hypot(error_b, c * error_a))
            yield cells[take[0]][above], cells[take[1]][above]


def _minimises_more(dataset: xr.Dataset) -> bool:
    """Whether some models are trained for more than the loss, which then is not at its least."""
    paths = ("train.penalty.kind", "train.adversarial")
    return "config" in dataset.attrs and any(select.varies(dataset, path) or select.leaf(dataset, path, {}) for path in paths)


def _bound(dataset: xr.Dataset, dim: str, here: slice, there: slice) -> np.ndarray:
    """c of the module's theorem for B at the places `here` of an axis and A at those `there`; infinite where nothing is known."""
    coordinates = select.paths(dataset, dim)
    bound = np.full(len(range(*here.indices(dataset.sizes[dim]))), 1.0 if coordinates else np.inf)
    for path, coordinate in coordinates.items():
        bound = bound * _worst_weight(path, dataset.attrs["features"], coordinate.values[here], coordinate.values[there])
    return bound


def _worst_weight(path: str, features: int, b: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Largest ratio of a weight at the values `b` of a leaf to that at `a`."""
    leaf, _, entry = path.rpartition(".")
    whole = not entry.isdigit()
    kind = path if whole else leaf
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "model.n_hidden":
            return np.where(b >= a, 1.0, np.inf)
        if kind == "data.importance.list" and not whole:
            return np.where(b > a, b / a, 1.0)
        if kind in ("data.sparsity", "data.density"):
            b, a = (1 - b, 1 - a) if kind == "data.sparsity" else (b, a)
            one = np.where(b > a, b / a, np.where(b < a, (1 - b) / (1 - a), 1.0))
            return one**features if whole else one
    return np.full(len(b), np.inf)


def repair(grid: Grid, trainer: Trainer, trained: Sequence[dict[str, np.ndarray]]) -> xr.Dataset:
    """The Dataset of trained groups, with the cells that `check` flags trained again from the neighbours' best parameters.

    A model that ends below its cell's best takes the place of the cell's worst seed, and is marked in the variable `repaired`.
    Goes on until no cell is flagged or none gets better, for ten rounds at most: a better solution spreads by a cell a round.
    """
    parts = [*map(assemble.Part.of, trainer.groups, trained)]
    dataset, repaired = assemble.assemble(grid, parts), np.zeros(grid.n_points, bool)
    for _ in range(_ROUNDS):
        found = [np.concatenate(sides) for sides in zip(*_violations(_best(dataset), EXCESS), strict=True)]
        if not found or not found[0].size:
            break
        cells, neighbours = found
        best, worst = (_points(dataset, order) for order in ("argmin", "argmax"))
        target = dataset["loss"].values.ravel()[best[cells]]
        count = len(parts)
        for here, group, again in trainer.retrain(worst[cells], _start(dataset, best[neighbours], best[cells])):
            order = np.argsort(again["loss"])
            _, first = np.unique(group.points[order], return_index=True)  # of several neighbours' the best
            kept = order[first]
            lower = again["loss"][kept] < np.nan_to_num(target[here[kept]], nan=np.inf)
            kept = kept[lower & (again["diverged_at"][kept] < 0)]
            if kept.size:
                new = Group(group.spec, take(group.hparams, kept), group.seeds[kept], group.points[kept])
                parts.append(assemble.Part.of(new, {name: values[kept] for name, values in again.items()}))
                repaired[group.points[kept]] = True
        if len(parts) == count:
            break
        dataset = assemble.assemble(grid, parts)
    meaning = {"long_name": "trained from a neighbour's parameters, since its cell lost more than the neighbour's loss allows"}
    return dataset.assign(repaired=(dataset["loss"].dims, grid.unravel(repaired), meaning))


def _points(dataset: xr.Dataset, order: str) -> np.ndarray:
    """Flat points of every cell's seed of least (argmin) or greatest (argmax) loss, cells flat."""
    loss, seed = dataset["loss"].fillna(np.inf), select.seed_dim(dataset)
    points = xr.DataArray(np.arange(loss.size).reshape(loss.shape), dims=loss.dims)
    return (points if seed is None else points.isel({seed: getattr(loss, order)(seed)})).values.ravel()


def _start(dataset: xr.Dataset, points: np.ndarray, own: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters at flat points; hidden dimensions that they have not, but the cells' own best have, start small and random.

    A row of zeros would stay so: its gradient is zero.
    """
    count, random, start = dataset["loss"].size, np.random.default_rng(0), {}
    for name, (dims, _) in PARAMS.items():
        if name in dataset:
            values = dataset[name].values.reshape(count, *(dataset.sizes[dim] for dim in dims))
            small = _SMALL * random.normal(size=values[own].shape) if "hidden" in dims else 0.0
            start[name] = np.where(np.isnan(values[points]), small, values[points]).astype(np.float32)
    return start
