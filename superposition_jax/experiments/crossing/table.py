"""Where along an axis the best solution ceases to be two digons, with an error from resampled seeds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components, over_seeds, per_model
from superposition_jax.results import labels, select

_RESAMPLED = 1000


def crossing(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Whether a model is two digons, and where on the axis the best seed ceases to be, with an error from resampled seeds.

    Elhage et al. 2022, "Non-uniform superposition".
    """
    arrays = per_model.on_host(dataset, trainer, lambda spec, hparams, results: {"digons": _is_two_digons(results["W"])}, "W")
    (dim,), seed, loss = select.cell_dims(dataset), select.seed_dim(dataset), dataset["loss"]
    if seed is None:
        return arrays | {"crossing": np.nan, "crossing_error": np.nan}
    digons = loss.copy(data=(arrays["digons"] == 1).reshape(loss.shape))
    by_place = (values.transpose(dim, seed) for values in (loss.fillna(np.inf), digons))
    place, error = crossing_point(labels.values(dataset, dim).values, *by_place)
    return arrays | {"crossing": place, "crossing_error": error}


def _is_two_digons(w: np.ndarray) -> bool:
    graph = components.components(w)
    return sorted(zip(graph.points.tolist(), graph.dimension.tolist(), strict=True)) == [(0, 0), *[(2, 1)] * 4]


def crossing_point(values: np.ndarray, loss: xr.DataArray, digons: xr.DataArray) -> tuple[float, float]:
    """The value of an axis at which the best seed ceases to be two digons, and its standard error; NaN if there is none.

    loss and digons are (value, seed). The crossing is where the logarithm of the ratio of both kinds' best losses is 0; for its
    error seeds are resampled within a scale of their initial weights.
    """
    order, rng = np.argsort(values), np.random.default_rng(0)
    logs, loss_of, is_digons = np.log(values[order]), loss.values[order], digons.values[order]
    samples = over_seeds.resampled(loss[0], _RESAMPLED, rng)
    places = np.array([_last_sign_change(logs, loss_of[:, seeds], is_digons[:, seeds]) for seeds in samples])
    place, spread = _last_sign_change(logs, loss_of, is_digons), places[np.isfinite(places)]
    return float(np.exp(place)), float(np.exp(place) * spread.std()) if spread.size else np.nan


def _last_sign_change(logs: np.ndarray, loss: np.ndarray, digons: np.ndarray) -> float:
    """Logarithm of the value at which the best loss of two digons rises above all others', by linear interpolation."""
    best_losses = (np.where(kind, loss, np.inf).min(axis=1) for kind in (digons, ~digons))
    best_digons, best_other = (np.log(np.clip(best, 1e-30, 1e30)) for best in best_losses)
    ahead = np.clip(best_digons - best_other, -1, 1)
    last = np.flatnonzero(ahead < 0)
    if not last.size or last[-1] + 1 == len(logs):
        return np.nan
    i = last[-1]
    return float(logs[i] + (logs[i + 1] - logs[i]) * -ahead[i] / (ahead[i + 1] - ahead[i]))


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The crossing, if there is one."""
    if select.seed_dim(dataset) is None:
        return
    place, error = float(dataset["crossing"]), float(dataset["crossing_error"])
    axis = labels.label(dataset, select.cell_dims(dataset)[0])
    change = f"two digons up to {axis} = {place:.4g} ± {error:.1g}, another solution beyond"
    yield change if np.isfinite(place) else "the best seeds do not change from two digons to another solution"
