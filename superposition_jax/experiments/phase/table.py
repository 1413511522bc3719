"""The extra feature's phase in every cell, and the paper's candidates. Elhage et al. 2022, "Superposition as a Phase Change"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.phase import PHASES, candidates, diagram
from superposition_jax.results import labels, select, status

_FLAGS = " ".join(name.replace(" ", "_") for name in (*PHASES, "all diverged"))
"""Names of 0, 1, 2 and −1 for the attribute `flag_meanings` of the CF conventions."""
_CLOSE = 1e-3
"""Relative difference up to which a trained loss counts as the least candidate's."""


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
    reached = by_itself & per_model.reached_best(seeds, seed)
    arrays = {
        "best_loss": best.where(trained).astype(np.float32),
        "reached": reached.mean([seed]).where(trained).astype(np.float32),
        "phase": _phase(feature.isel({seed: loss.argmin(seed)}), trained),
        "phase_mean": _phase(rest.mean([seed]), trained),
    }
    return arrays | (_theory(dataset, trainer) if any(known for _, known in diagram.settings(dataset)) else {})


def _phase(feature: xr.Dataset, trained: xr.DataArray) -> xr.DataArray:
    phase = xr.apply_ufunc(diagram.classify, feature["feature_norm"], feature["superposition"]).where(trained, -1).astype(np.int8)
    return phase.assign_attrs(flag_values=[*range(len(PHASES)), -1], flag_meanings=_FLAGS)


_THEORY = ("candidate_loss", "optimised_loss", "optimised_norm", "optimised_superposition")


def _theory(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """`_THEORY` for every cell and candidate, NaN where the candidates are not known, and the candidates' names."""
    across, up = diagram.plane(dataset)
    others = [dim for dim in select.cell_dims(dataset) if dim not in (across, up)]
    names = [*candidates.CANDIDATES[diagram.shape(dataset)](0.5, 1.0)]
    unknown = np.full((len(_THEORY), dataset.sizes[across], dataset.sizes[up], len(names)), np.nan)
    values = [_candidates(dataset, place, trainer) if known else unknown for place, known in diagram.settings(dataset)]
    arrays = np.stack(values, axis=1).reshape(len(_THEORY), *(dataset.sizes[d] for d in others), *unknown.shape[1:])
    dims = (*others, across, up, "candidate")
    variables = {name: xr.DataArray(array.astype(np.float32), dims=dims) for name, array in zip(_THEORY, arrays, strict=True)}
    return variables | {"candidate": np.array(names)}


def _candidates(dataset: xr.Dataset, place: dict[str, int], trainer: Trainer) -> np.ndarray:
    """`_THEORY` in one setting (4, density, importance, candidate); candidates that are not minima are trained."""
    plane, shape, sweep = diagram.plane(dataset), diagram.shape(dataset), dataset["status"]
    points = sweep.copy(data=np.arange(sweep.size).reshape(sweep.shape)).isel(place)
    points = points.isel({dim: 0 for dim in points.dims if dim not in plane}).transpose(*plane).values
    p, r = np.meshgrid(*diagram.coordinates(dataset), indexing="ij")
    law = [select.leaf(dataset, f"data.values.{name}", place) for name in ("law", "exponent")]
    columns = []
    for name, loss in candidates.CANDIDATES[shape](p, r, *law).items():
        optimised = [loss, *(np.full(loss.shape, value) for value in candidates.EXTRA[name])]
        if name in candidates.ARRANGEMENTS[shape]:
            w = np.array(candidates.ARRANGEMENTS[shape][name], np.float32)
            start = {"W": np.tile(w, (points.size, 1, 1)), "b": np.zeros((points.size, w.shape[1]), np.float32)}
            trained = per_model.train_on(trainer, points.ravel(), start, ("loss", "feature_norm", "superposition"))
            optimised = [trained["loss"], trained["feature_norm"][:, -1], trained["superposition"][:, -1]]
        columns.append([loss, *(value.reshape(loss.shape) for value in optimised)])
    return np.moveaxis(np.array(columns), 0, -1)


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """How many seeds reach the best loss, and how often training agrees with the candidates, in every setting."""
    for place, known in diagram.settings(dataset):
        words, setting = labels.place(dataset, place, ": "), dataset.isel(place)
        if select.seed_dim(dataset) is not None:
            yield f"{words}{float(setting['reached'].mean()):.1%} of seeds reach their cell's best loss"
        for sentence in _agreement(setting) if known else ["no candidates are known"]:
            yield words + sentence


def _agreement(dataset: xr.Dataset) -> Iterator[str]:
    """How often losses and phases agree with the candidates', in one setting."""
    optimised, paper, off = diagram.least(dataset, "optimised"), diagram.least(dataset, "candidate"), diagram.excess(dataset)
    trained = dataset["phase"] >= 0
    if not trained.any():
        return
    inside = trained & ~diagram.boundary(optimised["phase"], diagram.plane(dataset))

    def share(holds: xr.DataArray, among: xr.DataArray = trained) -> str:
        return f"{float(holds.where(among).mean()):.1%}"

    near = f"{share(abs(off) <= _CLOSE)} of {int(trained.sum()):,} cells"
    below = f"{share(off < -_CLOSE)}, by up to {max(0.0, -float(off.min())):.1%}"
    yield f"best loss within 0.1 % of the least optimised candidate's in {near}, lower in {below}"
    relative = dataset["loss_stderr"] / dataset["loss"]
    if (error := float(relative.where(dataset["loss"] > select.floor(dataset)).median())) > _CLOSE:
        yield f"but losses are themselves uncertain by {error:.1%} (median): quadrature of this law is coarse"
    agrees = dataset["phase"] == optimised["phase"]
    away = f", {share(agrees, inside)} of the {int(inside.sum()):,} that are not at its boundary" if inside.any() else ""
    yield f"phase as the least optimised candidate's in {share(agrees)} of cells{away}"
    best, mean = share(dataset["phase"] == paper["phase"]), share(dataset["phase_mean"] == paper["phase"])
    yield f"phase as the paper's least candidate's in {best}; by its rule of averaging in {mean}"
