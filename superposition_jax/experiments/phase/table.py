"""The extra feature's phase in every cell, and the paper's candidates. Elhage et al. 2022, "Superposition as a Phase Change"."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.phase import FLAGS, PHASES, candidates, diagram, optima
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select, status

_CLOSE = 1e-3
"""Relative difference up to which a trained loss counts as the least candidate's."""


def phase(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Phases of every cell, the share of seeds that reach its best loss, and the candidates' losses.

    An optimised candidate has the best norms and biases for its arrangement, which it cannot leave.
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
        "phase": _phase(feature.isel({seed: loss.argmin(seed)}), trained, _in_triangle(dataset)),
        "phase_mean": _phase(rest.mean([seed]), trained),
    }
    return arrays | (optima.in_cells(dataset, trainer) if any(known for _, known in diagram.settings(dataset)) else {})


def _in_triangle(dataset: xr.Dataset) -> xr.DataArray:
    w = select.directions(select.best_seed(dataset))
    return xr.apply_ufunc(diagram.is_triangle, w, input_core_dims=[["hidden", "feature"]])


def _phase(feature: xr.Dataset, trained: xr.DataArray, in_triangle: xr.DataArray | bool = False) -> xr.DataArray:
    phase = xr.apply_ufunc(diagram.classify, feature["feature_norm"], feature["superposition"], in_triangle)
    return phase.where(trained, -1).astype(np.int8).assign_attrs(FLAGS)


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """How many seeds reach the best loss, and how often training agrees with the candidates, in every setting."""
    seed = select.seed_dim(dataset)
    for place, known in diagram.settings(dataset):
        words, setting = labels.place(dataset, place, ": "), dataset.isel(place)
        if seed is not None:
            by_seed = per_model.reached_best(setting, seed).mean(diagram.plane(dataset))
            yield f"{words}{mean_error(by_seed, '.1f', 100)} % of seeds reach their cell's best loss"
        for sentence in _agreement(setting) if known else ["no candidates are known"]:
            yield words + sentence


def _agreement(dataset: xr.Dataset) -> Iterator[str]:
    """How often losses and phases agree with the candidates', in one setting."""
    optimised, paper, off = diagram.least(dataset, "optimised"), diagram.least(dataset, "candidate"), diagram.excess(dataset)
    trained = dataset["phase"] >= 0
    if not trained.any():
        return
    inside = trained & ~diagram.boundary(optimised["phase"], diagram.plane(dataset))

    def count(holds: xr.DataArray, among: xr.DataArray = trained) -> str:
        return f"{int((holds & among).sum()):,} of {int(among.sum()):,}"

    most = f"at most {max(0.0, float(off.max())):.2%} above and {max(0.0, -float(off.min())):.2%} below"
    yield f"best loss within 0.1 % of the least optimised candidate's in {count(abs(off) <= _CLOSE)} cells, {most}"
    relative = dataset["loss_stderr"] / dataset["loss"]
    if (error := float(relative.where(dataset["loss"] > select.floor(dataset)).median())) > _CLOSE:
        yield f"but losses are themselves uncertain by {error:.1%} (median): quadrature of this law is coarse"
    agrees = dataset["phase"] == optimised["phase"]
    away = f", and in {count(agrees, inside)} that are not at its boundary" if inside.any() else ""
    yield f"phase as the least optimised candidate's in {count(agrees)} cells{away}"
    best, mean = count(dataset["phase"] == paper["phase"]), count(dataset["phase_mean"] == paper["phase"])
    yield f"phase as the paper's least candidate's in {best} cells; by its rule of averaging in {mean}"
    if candidates.TRIANGLE in dataset["candidate"]:
        yield _triangle(dataset, optimised)


def _triangle(dataset: xr.Dataset, optimised: xr.Dataset) -> str:
    """Where three features at about 120° lose less than the paper's candidates, and how much."""
    is_least, loss = optimised["phase"] == PHASES.index("triangle"), dataset["optimised_loss"]
    gain = (1 - optimised["loss"] / loss.drop_sel(candidate=candidates.TRIANGLE).min("candidate")).where(is_least)
    if not is_least.any():
        return "three features at about 120° are nowhere the best"
    most = gain.fillna(-1.0).argmax([*gain.dims])
    where = labels.place(dataset, {str(dim): int(place) for dim, place in most.items()})
    trained = int((dataset["phase"] == PHASES.index("triangle")).sum())
    lose = f"lose least in {int(is_least.sum())} cells, up to {float(gain.max()):.1%} less than the other candidates ({where})"
    return f"three features at about 120° {lose}; the best seed is one of these in {trained}"
