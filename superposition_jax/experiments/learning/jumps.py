"""Whether features' dimensionalities move between the levels of solids in jumps, and whether the loss falls with them."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from superposition_jax.core.geometry import REPRESENTED, dimensionality, feature_norm
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components as solids
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select

_WINDOWS = 100
"""Of equal length, into which training is cut."""
_NEAR, _MOVED, _MOVERS = 0.03, 0.05, 2
_EARLY, _LATE = (0.005, 0.05), (0.5, 1.0)
_SETTLED = 0.1
"""Share of training after which events are counted."""

_MEANINGS = {
    "on_level_early": f"share of represented features with D_i within {_NEAR} of a solid's, in 0.5 to 5 % of training",
    "on_level_late": f"share of represented features with D_i within {_NEAR} of a solid's, in the last half of training",
    "event_time": f"share of the time after {_SETTLED:.0%} in events, windows of 1 % where ≥ {_MOVERS} D_i move by {_MOVED}",
    "event_drop": f"share of the loss's fall after {_SETTLED:.0%} of training that events hold",
}


def jumps(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """How discrete learning is, from snapshots and the loss curve. Elhage et al. 2022, "Discrete Energy Level Jumps"."""
    sweep = dataset["status"]
    w = select.directions(dataset, "_snapshots").transpose(*sweep.dims, "snapshot", "hidden", "feature").values
    curve = dataset["loss_curve"].transpose(*sweep.dims, "step").values
    steps = dataset["snapshot"].values, dataset["step"].values
    pairs = zip(w.reshape(-1, *w.shape[-3:]), curve.reshape(-1, curve.shape[-1]), strict=True)
    found = np.array([_one(*pair, *steps) for pair in pairs], np.float32)
    table = xr.Dataset(
        {
            name: (sweep.dims, values.reshape(sweep.shape), {"long_name": meaning})
            for (name, meaning), values in zip(_MEANINGS.items(), found.T, strict=True)
        }
    )
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _one(w: np.ndarray, curve: np.ndarray, snapshot: np.ndarray, step: np.ndarray) -> list[float]:
    """`_MEANINGS` of one model: w (snapshot, hidden, feature), its loss curve (step,), and the steps of both."""
    steps = snapshot[-1]
    time = np.linspace(0, steps, _WINDOWS + 1)
    d, norm = (_at(time, snapshot, np.asarray(jax.lax.map(f, jnp.asarray(w)))) for f in (dimensionality, feature_norm))
    there = norm > REPRESENTED
    near = np.abs(d[..., None] - np.array([*solids.LEVELS.values()])).min(axis=-1) < _NEAR

    def on_level(share: tuple[float, float]) -> float:
        when = (time >= share[0] * steps) & (time <= share[1] * steps)
        return (near & there)[when].sum() / there[when].sum() if there[when].any() else np.nan

    loss = np.interp(time, step, curve)
    late = time[1:] > _SETTLED * steps
    movers = ((np.abs(np.diff(d, axis=0)) > _MOVED) & (there[1:] | there[:-1])).sum(axis=1)
    event, fall, length = movers >= _MOVERS, -np.diff(loss), np.diff(time)
    return [
        on_level(_EARLY),
        on_level(_LATE),
        length[event & late].sum() / max(1, length[late].sum()),
        fall[event & late].sum() / fall[late].sum() if fall[late].sum() > 0 else np.nan,
    ]


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[[*_MEANINGS, "loss"]]):
        place = labels.place(dataset, here, ", ")
        early, late, time, drop = (f"{mean_error(cell[name].values, '.0f', 100)} %" for name in _MEANINGS)
        yield (
            f"{place}of represented features {early} have the D_i of a solid early in training, {late} in its last half; "
            f"events take {time} of the later time and hold {drop} of the fall of the loss"
        )


def _at(time: np.ndarray, snapshot: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (snapshot, feature) at other times, linearly."""
    return np.stack([np.interp(time, snapshot, column) for column in values.T], axis=1)
