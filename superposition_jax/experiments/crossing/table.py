"""Where along an axis the best solution changes from two digons to another one, with an error from the seeds."""

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components as solids
from superposition_jax.results import labels, select

_RESAMPLED = 1000


def crossing(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Whether a model is two digons, and where on the first axis the best seed ceases to be; resampling seeds gives the error.

    Elhage et al. 2022, "Non-uniform superposition".
    """
    dim, seed = select.cell_dims(dataset)[0], select.seed_dim(dataset)
    sweep = dataset["status"]
    w = select.directions(dataset).transpose(*sweep.dims, "hidden", "feature").fillna(0.0).values
    digons = np.reshape([_digons(one) for one in w.reshape(-1, *w.shape[-2:])], sweep.shape)
    table = xr.Dataset({"digons": (sweep.dims, digons, {"long_name": "whether the features form two digons and a dropped one"})})
    if seed is None:
        return table
    values, loss = labels.values(dataset, dim).values, dataset["loss"].fillna(np.inf).transpose(dim, seed).values
    place, error = where(values, loss, table["digons"].transpose(dim, seed).values)
    if not np.isfinite(place):
        return table.assign_attrs(findings="the best seeds do not change from two digons to another solution")
    found = f"two digons up to {labels.label(dataset, dim)} = {place:.4g} ± {error:.1g}, another solution beyond"
    return table.assign_attrs(findings=found, crossing=place, crossing_error=error)


def _digons(w: np.ndarray) -> bool:
    found = solids.components(w)
    return sorted(zip(found.points.tolist(), found.dimension.tolist(), strict=True)) == [(0, 0), *[(2, 1)] * 4]


def where(values: np.ndarray, loss: np.ndarray, digons: np.ndarray) -> tuple[float, float]:
    """The place on an axis, logarithmic, where the best of seeds ceases to be two digons, and its standard error.

    loss and digons are (value, seed). Of the best losses of both kinds the difference is followed to where it is 0.
    """
    order, rng = np.argsort(values), np.random.default_rng(0)
    logs, loss, digons = np.log(values[order]), loss[order], digons[order]
    found = [_zero(logs, loss[:, k], digons[:, k]) for k in rng.integers(0, loss.shape[1], (_RESAMPLED, loss.shape[1]))]
    place, resampled = _zero(logs, loss, digons), np.array(found)[np.isfinite(found)]
    return float(np.exp(place)), float(np.exp(place) * resampled.std()) if resampled.size else np.nan


def _zero(logs: np.ndarray, loss: np.ndarray, digons: np.ndarray) -> float:
    """Where the best loss of digons rises above that of all others: linear between the two values around the last sign change."""
    mine, others = (np.where(kind, loss, np.inf).min(axis=1) for kind in (digons, ~digons))
    ahead = np.clip(np.log(np.maximum(mine, 1e-30)) - np.log(np.maximum(others, 1e-30)), -1, 1)
    last = np.flatnonzero(ahead < 0)
    if not last.size or last[-1] + 1 == len(logs):
        return np.nan
    i = last[-1]
    return float(logs[i] + (logs[i + 1] - logs[i]) * -ahead[i] / (ahead[i + 1] - ahead[i]))
