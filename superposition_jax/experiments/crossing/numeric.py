"""Where along an axis the least losses of two kinds of solutions cross, and how well that is known."""

import numpy as np
import xarray as xr
from scipy import interpolate
from scipy.optimize import brentq

from superposition_jax.experiments import over_seeds

_RESAMPLED = 1000
_SAME = 2e-3
"""Seeds whose losses exceed the best of their kind by at most this share are in the same minimum."""


def crossing_point(values: np.ndarray, loss: xr.DataArray, stderr: xr.DataArray, digons: xr.DataArray) -> tuple[float, float]:
    """The value of an axis at which the best seed ceases to be two digons, and its standard error; NaN if there is none.

    loss, stderr and digons are (value, seed). The best losses of both kinds are equal at the crossing. Its error is made up of
    those of seeds, resampled within a scale of their initial weights, of the losses, and of training: how far the crossing moves
    if medians of the seeds in the best minima stand for the best seeds.
    """
    order = np.argsort(values)
    samples = over_seeds.resampled(loss[0], _RESAMPLED, np.random.default_rng(0))
    logs, (loss_of, error_of, is_digons) = np.log(values[order]), (array.values[order] for array in (loss, stderr, digons))
    places = np.array([sign_change(logs, _ahead(loss_of[:, seeds], is_digons[:, seeds])) for seeds in samples])
    place, spread = sign_change(logs, _ahead(loss_of, is_digons)), places[np.isfinite(places)]
    if not np.isfinite(place):
        return np.nan, np.nan
    shifted = [_ahead(loss_of + sign * np.where(is_digons, error_of, -error_of), is_digons) for sign in (1, -1)]
    moved = [sign_change(logs, ahead) - place for ahead in (*shifted, _ahead(loss_of, is_digons, median=True))]
    errors = spread.std(), np.nanmax(np.abs([0, *moved[:2]])), np.nan_to_num(moved[2])
    return float(np.exp(place)), float(np.exp(place) * np.linalg.norm(errors))


def _ahead(loss: np.ndarray, digons: np.ndarray, *, median: bool = False) -> np.ndarray:
    """Logarithm of the ratio of the least losses of two digons and of others, between −1 and 1; or of the medians of losses
    in the same minima."""
    logs = []
    for kind in (digons, ~digons):
        losses = np.where(kind, loss, np.inf)
        best = losses.min(axis=1)
        if median and np.isfinite(best).any():
            same = np.where(losses <= best[:, None] * (1 + _SAME), losses, np.nan)
            best = np.where(np.isfinite(best), np.nanmedian(np.where(np.isfinite(best)[:, None], same, 0.0), axis=1), np.inf)
        logs.append(np.log(np.clip(best, 1e-30, 1e30)))
    return np.clip(logs[0] - logs[1], -1, 1)


def sign_change(x: np.ndarray, ahead: np.ndarray) -> float:
    """The x at which a function, given at ascending places, rises above 0 for the last time; NaN if it does not.

    Between places it is the polynomial through the four about its zero, or a line where one of them is as great as ±1.

    >>> sign_change(np.array([0.0, 1, 2]), np.array([-0.3, -0.1, 0.1]))
    1.5
    """
    last = np.flatnonzero(ahead < 0)
    if not last.size or last[-1] + 1 == len(x) or np.isnan(ahead[last[-1] + 1]):
        return np.nan
    i = last[-1]
    near = slice(max(0, i - 1), i + 3)
    if not np.abs(ahead[near]).max() < 1:
        near = slice(i, i + 2)
    return float(brentq(interpolate.BarycentricInterpolator(x[near], ahead[near]), x[i], x[i + 1]))
