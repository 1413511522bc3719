"""Checks that losses of neighbouring cells fit together, and repair of those that cannot be the least.

All bounds are one theorem. For any parameters θ the loss is a sum Σ w·e(θ) of squared errors e ≥ 0, one for every feature and
every set of active features, whose weights w = I_i · Π p_j · Π (1 − p_k) depend on the cell alone. If no weight in cell B is more
than c times that in cell A, then L(θ; B) ≤ c·L(θ; A) for every θ, and so the least losses obey L*(B) ≤ c·L*(A). That makes
c = max_i I_i(B)/I_i(A), but at least 1, for importances (so the loss cannot fall as one rises, nor rise faster than it), and
Π_i max(p_i(B)/p_i(A), (1 − p_i(B))/(1 − p_i(A))) for densities (the loss may rise a little as the density falls, but no more).
From m to more hidden dimensions c = 1: a row of zeros in W changes nothing. It holds for every activation and law.
"""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax import labels, results
from superposition_jax.tables import Retrain

_ROUNDS = 3


def check(dataset: xr.Dataset, tolerance: float = 1e-3) -> xr.DataArray:
    """Cells whose best loss over seeds is above what a neighbour's allows: True where better parameters surely exist.

    Above by more than `tolerance`, relative, and three standard errors. Neighbours are next to one another on an axis over
    density, sparsity, an entry of importance.list, or n_hidden; along other axes nothing is known.
    """
    best = labels.best_seed(dataset)
    flagged = np.zeros(best["loss"].size, bool)
    for cells, _ in _violations(dataset, tolerance):
        flagged[cells] = True
    return xr.DataArray(flagged.reshape(best["loss"].shape), dims=best["loss"].dims, name="above_a_neighbour")


def _violations(dataset: xr.Dataset, tolerance: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Flat cells that lose too much, and for each the neighbour that shows it, for every axis and direction."""
    best = labels.best_seed(dataset)
    loss, stderr = best["loss"].values, best["loss_stderr"].values
    cells = np.arange(loss.size).reshape(loss.shape)
    for axis, dim in enumerate(best["loss"].dims):
        for here, there in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            bound = _bound(dataset, str(dim), here, there)
            take = [(slice(None),) * axis + (part,) for part in (here, there)]
            (b, a), (error_b, error_a) = ([values[part] for part in take] for values in (loss, stderr))
            c = bound.reshape(-1, *[1] * (loss.ndim - axis - 1))
            with np.errstate(invalid="ignore"):  # NaN compares as no violation
                above = b > c * a * (1 + tolerance) + 3 * np.hypot(error_b, np.where(np.isfinite(c), c, 0) * error_a)
            yield cells[take[0]][above], cells[take[1]][above]


def _bound(dataset: xr.Dataset, dim: str, here: slice, there: slice) -> np.ndarray:
    """c of the module's theorem for B at the places `here` of an axis and A at those `there`; infinite where nothing is known."""
    along = {str(c.attrs.get("long_name")): c.values for c in dataset.coords.values() if c.dims == (dim,)}
    bound = np.ones(len(range(*here.indices(dataset.sizes[dim]))))
    for path, values in along.items():
        if path.startswith("1 − "):  # the same axis under its other name
            continue
        bound = bound * _worst_weight(path, dataset.sizes["feature"], values[here], values[there])
    return bound


def _worst_weight(path: str, features: int, b: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Largest ratio of a weight at the values `b` of a leaf to that at `a`."""
    leaf, _, entry = path.rpartition(".")
    if path == "model.n_hidden":
        return np.where(b >= a, 1.0, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        if leaf == "data.importance.list":
            return np.where(b > a, b / a, 1.0)
        if path in ("data.sparsity", "data.density") or leaf in ("data.sparsity", "data.density"):
            if "sparsity" in path:
                a, b = 1 - a, 1 - b
            one = np.maximum(np.where(b > a, b / a, 1.0), np.where(b < a, (1 - b) / (1 - a), 1.0))
            return one if entry.isdigit() else one**features
    return np.full(len(b), np.inf)


def repair(dataset: xr.Dataset, retrain: Retrain) -> xr.Dataset:
    """Train cells that `check` flags again, from the neighbours' best parameters, until none is left or nothing helps.

    A model that ends below its cell's best takes the place of the cell's worst seed, and is marked in the variable `repaired`.
    """
    seed, sweep = labels.seed_dim(dataset), dataset["loss"].dims
    repaired = np.zeros(dataset["loss"].size, bool)
    flat = {name: v.values.reshape(-1, *v.shape[len(sweep) :]) for name, v in dataset.items() if v.dims[: len(sweep)] == sweep}
    points = xr.DataArray(np.arange(repaired.size).reshape(dataset["loss"].shape), dims=sweep)
    for _ in range(_ROUNDS):
        found = [np.concatenate(sides) for sides in zip(*_violations(dataset, 1e-3), strict=True)]
        if not found or not found[0].size:
            break
        loss = dataset["loss"].fillna(np.inf)
        best, worst = (points if seed is None else points.isel({seed: order(seed)}) for order in (loss.argmin, loss.argmax))
        best, worst = (places.values.ravel() for places in (best, worst))
        start = {name: np.nan_to_num(flat[name][best[found[1]]]) for name in ("W", "b")}
        trained = retrain(worst[found[0]], start)
        for k in np.argsort(-trained["loss"]):  # the lowest last
            cell = found[0][k]
            if trained["loss"][k] < flat["loss"][best[cell]]:
                for name, values in trained.items():
                    flat[name][(worst[cell], *(slice(size) for size in values.shape[1:]))] = values[k]
                flat["status"][worst[cell]] = results.STATUS.index("ok")
                repaired[worst[cell]] = True
    meaning = {"long_name": "trained from a neighbour's parameters, since its own seed lost more than can be (sweep.repair)"}
    return dataset.assign(repaired=(sweep, repaired.reshape(dataset["loss"].shape), meaning))
