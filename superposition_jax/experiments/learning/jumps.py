"""Jumps of features' dimensionalities between those of solids, and the fall of the loss in them."""

from collections.abc import Iterator

import jax
import numpy as np
import xarray as xr
from jax import Array
from jaxtyping import Float

from superposition_jax.core.geometry import REPRESENTED, dimensionality, feature_norm
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components, per_model
from superposition_jax.experiments.learning import JUMPS, MOVED, MOVERS, NEAR, SETTLED
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select

_WINDOWS = 100
"""Number of equal windows of training."""


def jumps(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Measures of jumps, from snapshots and the loss curve. Elhage et al. 2022, "Discrete Energy Level Jumps"."""
    w = per_model.flat(select.directions(dataset, "_snapshots").transpose(..., "snapshot", "hidden", "feature"), dataset)
    d, norm = population.over_models(_geometry, np.nan_to_num(w), devices=trainer.devices)
    curves, steps = per_model.flat(dataset["loss_curve"], dataset), (dataset["snapshot"].values, dataset["step"].values)
    measures = [_measure(*model, *steps) for model in zip(d, norm, curves, strict=True)]
    return dict(zip(JUMPS, np.array(measures, np.float32).T, strict=True))


def _geometry(w: Float[Array, "snapshot hidden feature"]) -> tuple[Float[Array, "snapshot feature"], ...]:
    """D_i and ‖W_i‖ at every snapshot."""
    return jax.lax.map(dimensionality, w), jax.lax.map(feature_norm, w)


def _measure(d: np.ndarray, norm: np.ndarray, curve: np.ndarray, snapshot: np.ndarray, step: np.ndarray) -> list[float]:
    """`JUMPS` of one model: D_i and ‖W_i‖ (snapshot, feature), its loss curve (step,), and the steps of both."""
    steps, time = snapshot[-1], np.linspace(0, snapshot[-1], _WINDOWS + 1)
    d, norm = (np.stack([np.interp(time, snapshot, column) for column in values.T], axis=1) for values in (d, norm))
    represented = norm > REPRESENTED
    near = np.abs(d[..., None] - np.array([*components.LEVELS.values()])).min(axis=-1) < NEAR

    def on_level(start: float, end: float) -> float:
        when = (time >= start * steps) & (time <= end * steps)
        return (near & represented)[when].sum() / represented[when].sum() if represented[when].any() else np.nan

    loss, late = np.interp(time, step, curve), time[1:] > SETTLED * steps
    movers = ((np.abs(np.diff(d, axis=0)) > MOVED) & (represented[1:] | represented[:-1])).sum(axis=1)
    event, fall, length = movers >= MOVERS, -np.diff(loss), np.diff(time)
    return [
        on_level(0.005, 0.05),
        on_level(0.5, 1.0),
        length[event & late].sum() / max(1, length[late].sum()),
        fall[event & late].sum() / fall[late].sum() if fall[late].sum() > 0 else np.nan,
    ]


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Features on levels early and late, and the shares of time and of the fall of the loss in events, for every cell."""
    for place, cell in select.ok_cells(dataset, *JUMPS):
        early, late, time, drop = (f"{mean_error(cell[name], '.0f', 100)} %" for name in JUMPS)
        events = f"events take {time} of the time after {SETTLED:.0%} and have {drop} of the loss's fall"
        words = f"of represented features {early} have the D_i of a solid early in training, {late} in its last half"
        yield f"{labels.place(dataset, place, ', ')}{words}; {events}"
