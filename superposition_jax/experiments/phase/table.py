"""The phase diagram in numbers: the phase of the last, extra feature in every cell, beside the paper's candidates.

Elhage et al. 2022, "Superposition as a Phase Change".
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.core.geometry import REPRESENTED, SUPERPOSED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.phase import PHASES, candidates
from superposition_jax.experiments.reached import reached_best
from superposition_jax.results import labels, select, status

_FLAGS = " ".join(name.replace(" ", "_") for name in (*PHASES, "all diverged"))
"""Names of 0, 1, 2 and −1 for the attribute `flag_meanings` of the CF conventions."""
_CLOSE = 1e-3
"""Relative difference up to which a trained loss counts as the least candidate's."""


def classify(norm: np.ndarray, superposition: np.ndarray) -> np.ndarray:
    """Phase of a feature from its norm ‖W_i‖ and its superposition.

    >>> classify(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])).tolist()
    [0, 1, 2]
    """
    return np.where(norm > REPRESENTED, np.where(superposition > SUPERPOSED, 2, 1), 0).astype(np.int8)


def phase(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Phases of every cell, the share of seeds that reach its best loss, and the candidates' losses.

    An optimised candidate is trained from the candidate: it has the best norms and biases for the same arrangement.
    """
    seeds, seed = dataset, select.seed_dim(dataset)
    if seed is None:
        seeds, seed = dataset.expand_dims("only_seed"), "only_seed"
    ok = seeds["status"] == status.STATUS.index("ok")
    loss, feature = seeds["loss"].where(ok, np.inf), seeds[["feature_norm", "superposition"]].isel(feature=-1, drop=True)
    best, number = loss.min(seed), xr.DataArray(np.arange(seeds.sizes[seed]), dims=seed)
    trained = best < np.inf
    by_itself = ~seeds["repaired"] if "repaired" in seeds else xr.ones_like(loss, bool)
    rest = feature.where(by_itself & ok & (number != loss.argmax(seed))) if number.size > 1 else feature
    reached = by_itself & reached_best(seeds, seed)
    arrays = {
        "best_loss": best.where(trained).astype(np.float32),
        "reached": reached.mean([seed]).where(trained).astype(np.float32),
        "phase": _phase(feature.isel({seed: loss.argmin(seed)}), trained),
        "phase_mean": _phase(rest.mean([seed]), trained),
    }
    return arrays | (_theory(dataset, trainer) if any(known for _, known in settings(dataset)) else {})


def _phase(feature: xr.Dataset, trained: xr.DataArray) -> xr.DataArray:
    phase = xr.apply_ufunc(classify, feature["feature_norm"], feature["superposition"]).where(trained, -1).astype(np.int8)
    return phase.assign_attrs(flag_values=[*range(len(PHASES)), -1], flag_meanings=_FLAGS)


def plane(dataset: xr.Dataset) -> tuple[str, str]:
    """The dimensions of the density and of the extra feature's importance."""
    (density, _), (importance, _) = (select.axis(dataset, path) for path in _paths(dataset))
    return density, importance


def coordinates(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Densities and importances of the extra feature along the plane's axes."""
    (_, density), (_, importance) = (select.axis(dataset, path) for path in _paths(dataset))
    return density, importance


def _paths(dataset: xr.Dataset) -> tuple[str, str]:
    return "data.density", f"data.importance.list.{dataset.sizes['feature'] - 1}"


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
    shape, first = _shape(dataset), dataset[["loss"]].isel(dict.fromkeys(plane(dataset), 0), drop=True)
    for place, _ in select.cells(first):
        leaf = partial(select.leaf, dataset, here=place)
        papers = all(leaf(path, default=value) == value for path, value in _PAPERS.items())
        equal = set(leaf("data.importance.list")[:-1]) == {1.0}
        yield place, papers and equal and leaf("data.values.law") in candidates.PAIR_SQUARE and shape in candidates.CANDIDATES


def _shape(dataset: xr.Dataset) -> tuple[int, int]:
    return dataset.sizes["feature"], dataset.sizes["hidden"]


_THEORY = ("candidate_loss", "optimised_loss", "optimised_norm", "optimised_superposition")


def _theory(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """`_THEORY` for every cell and candidate, NaN where the candidates are not known, and the candidates' names."""
    across, up = plane(dataset)
    others = [dim for dim in select.cell_dims(dataset) if dim not in (across, up)]
    names, cells = candidates.CANDIDATES[_shape(dataset)].names, (dataset.sizes[across], dataset.sizes[up])
    unknown = np.full((len(_THEORY), *cells, len(names)), np.nan)
    values = [_candidates(dataset, place, trainer) if known else unknown for place, known in settings(dataset)]
    arrays = np.stack(values, axis=1).reshape(len(_THEORY), *(dataset.sizes[d] for d in others), *unknown.shape[1:])
    dims = (*others, across, up, "candidate")
    variables = {name: xr.DataArray(array.astype(np.float32), dims=dims) for name, array in zip(_THEORY, arrays, strict=True)}
    return variables | {"candidate": np.array(names)}


def _candidates(dataset: xr.Dataset, place: dict[str, int], trainer: Trainer) -> np.ndarray:
    """`_THEORY` in one setting (4, density, importance, candidate); candidates that are not minima are trained."""
    across, up = plane(dataset)
    sweep = dataset["status"]
    points = xr.DataArray(np.arange(sweep.size).reshape(sweep.shape), dims=sweep.dims).isel(place)
    points = points.isel({dim: 0 for dim in points.dims if dim not in (across, up)}).transpose(across, up).values
    p, r = np.meshgrid(*coordinates(dataset), indexing="ij")
    law = [select.leaf(dataset, f"data.values.{name}", place) for name in ("law", "exponent")]
    columns = []
    for name, loss in candidates.CANDIDATES[_shape(dataset)].losses(p, r, *law).items():
        norm, superposition = (np.full(loss.shape, value) for value in candidates.EXTRA[name])
        optimised = [loss, norm, superposition]
        if name in candidates.ARRANGEMENTS[_shape(dataset)]:
            w = np.array(candidates.ARRANGEMENTS[_shape(dataset)][name], np.float32)
            start = {"W": np.tile(w, (points.size, 1, 1)), "b": np.zeros((points.size, w.shape[1]), np.float32)}
            trained = per_model.train_on(trainer, points.ravel(), start, ("loss", "feature_norm", "superposition"))
            optimised = [trained["loss"], trained["feature_norm"][:, -1], trained["superposition"][:, -1]]
        columns.append([loss, *(value.reshape(loss.shape) for value in optimised)])
    return np.moveaxis(np.array(columns), 0, -1)


def theory(table: xr.Dataset, which: str) -> xr.Dataset:
    """Loss of the `candidate` or `optimised` candidates, and norm, superposition and phase of their extra feature."""
    loss = table[f"{which}_loss"]
    if which == "candidate":
        extra = np.array([candidates.EXTRA[str(name)] for name in table["candidate"].values], np.float32)
        norm, superposition = (xr.DataArray(column, dims="candidate").broadcast_like(loss) for column in extra.T)
    else:
        norm, superposition = (table[f"optimised_{name}"] for name in ("norm", "superposition"))
    phase = xr.apply_ufunc(classify, norm, superposition).where(loss.notnull(), -1)
    return xr.Dataset({"loss": loss, "norm": norm, "superposition": superposition, "phase": phase})


def least(table: xr.Dataset, which: str) -> xr.Dataset:
    """`theory` of the candidate of least loss; NaN, and phase −1, where none is known."""
    solutions = theory(table, which)
    return solutions.isel(candidate=solutions["loss"].fillna(np.inf).argmin("candidate"))


def excess(table: xr.Dataset) -> xr.DataArray:
    """Ratio of the best loss over seeds to the least optimised candidate's, minus 1."""
    return table["best_loss"] / least(table, "optimised")["loss"] - 1


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """How many seeds reach the best loss, and how often training agrees with the candidates, in every setting."""
    for place, known in settings(dataset):
        words, setting = labels.place(dataset, place, ": "), dataset.isel(place)
        if select.seed_dim(dataset) is not None:
            yield f"{words}{float(setting['reached'].mean()):.1%} of seeds reach their cell's best loss"
        for sentence in _agreement(setting) if known else ["no candidates are known"]:
            yield words + sentence


def _agreement(dataset: xr.Dataset) -> Iterator[str]:
    """How often losses and phases agree with the candidates', in one setting."""
    optimised, paper, off = least(dataset, "optimised"), least(dataset, "candidate"), excess(dataset)
    trained = dataset["phase"] >= 0
    if not trained.any():
        return
    inside = trained & ~boundary(optimised["phase"], plane(dataset))

    def share(holds: xr.DataArray, among: xr.DataArray = trained) -> str:
        return f"{float(holds.where(among).mean()):.1%}"

    near, below, most = share(abs(off) <= _CLOSE), share(off < -_CLOSE), max(0.0, -float(off.min()))
    yield (
        f"best loss within 0.1 % of the least optimised candidate's in {near} of {int(trained.sum()):,} cells, "
        f"lower in {below}, by up to {most:.1%}"
    )
    relative = dataset["loss_stderr"] / dataset["loss"]
    if (error := float(relative.where(dataset["loss"] > select.floor(dataset)).median())) > _CLOSE:
        yield f"but losses are themselves uncertain by {error:.1%} (median): quadrature of this law is coarse"
    agrees = dataset["phase"] == optimised["phase"]
    away = f", {share(agrees, inside)} of the {int(inside.sum()):,} that are not at its boundary" if inside.any() else ""
    yield f"phase as the least optimised candidate's in {share(agrees)} of cells{away}"
    best, mean = share(dataset["phase"] == paper["phase"]), share(dataset["phase_mean"] == paper["phase"])
    yield f"phase as the paper's least candidate's in {best}; by its rule of averaging in {mean}"


def boundary(phase: xr.DataArray, plane: tuple[str, str]) -> xr.DataArray:
    """Cells at a boundary: with more than one phase among themselves and their eight neighbours."""
    padded = phase.pad(dict.fromkeys(plane, 1), mode="edge")
    near = padded.rolling(dict.fromkeys(plane, 3), center=True).construct({dim: f"near_{dim}" for dim in plane})
    window = [f"near_{dim}" for dim in plane]
    inner = near.isel(dict.fromkeys(plane, slice(1, -1)))
    return inner.max(window) > inner.min(window)
