"""Asymmetric superposition: a shared neuron with unequal weights, and a second one that inhibits what it lets through."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.neurons import SPEAKS, UNEQUAL
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec


class Motif(NamedTuple):
    """Feature `source` (at a sign of its value) and `victim` share neuron `shared`; `inhibitor` silences the victim's output."""

    source: int
    sign: int
    victim: int
    shared: int
    inhibitor: int
    interference: float
    """On the victim's output per unit of the source, through the shared neuron."""
    total: float
    """The same through all neurons."""


def pairs(w_in: np.ndarray, w_out: np.ndarray) -> Iterator[tuple[Motif, float]]:
    """Every two features that share a neuron, with how unequal it is: interference on the victim over that on the source.

    Weights are (hidden, feature). Each pair stands once, with the feature that interferes more as the source.
    """
    through = np.abs(w_in) * w_out
    for shared in range(len(w_in)):
        spoken = np.flatnonzero(through[shared] >= SPEAKS)
        for i in spoken:
            for j in spoken:
                forth, back = np.abs(w_in[shared, i]) * w_out[shared, j], np.abs(w_in[shared, j]) * w_out[shared, i]
                if i == j or forth < back or (forth == back and i > j):
                    continue
                sign = int(np.sign(w_in[shared, i]))
                each = w_out[:, j] * np.maximum(sign * w_in[:, i], 0)
                inhibitor = int(each.argmin())
                yield Motif(int(i), sign, int(j), shared, inhibitor, float(forth), float(each.sum())), float(forth / back)


def strongest(w_in: np.ndarray, w_out: np.ndarray) -> Motif | None:
    """The motif of greatest interference that ends up negative, or None."""
    motifs = [pair for pair, unequal in pairs(w_in, w_out) if unequal >= UNEQUAL and pair.total <= 0]
    return max(motifs, key=lambda pair: pair.interference, default=None)


def asymmetry(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """How often pairs of features share a neuron unequally, and how often interference is then turned negative.

    Elhage et al. 2022, "Computation in Superposition", asymmetric superposition motif.
    """
    return per_model.on_host(dataset, trainer, _counts, "W_in", "W_out")


def _counts(spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, int]:
    counts = dict.fromkeys(_KINDS, 0)
    for pair, unequal in pairs(results["W_in"], results["W_out"]):
        kind = "asymmetric" if unequal >= UNEQUAL else "symmetric"
        counts[f"{kind}_pairs"] += 1
        counts[f"{kind}_inhibited"] += pair.total <= 0
    return counts


_KINDS = ("asymmetric_pairs", "asymmetric_inhibited", "symmetric_pairs", "symmetric_inhibited")


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Asymmetric and symmetric pairs of every cell, and how many of them are inhibited."""
    for place, cell in select.cells(dataset[[*_KINDS, "loss"]]):
        shares = ", ".join(_shares(cell, kind) for kind in ("asymmetric", "symmetric"))
        yield f"{labels.place(dataset, place, ', ')}pairs of features in one neuron: {shares}"


def _shares(cell: xr.Dataset, kind: str) -> str:
    """How many pairs a model has, and the share that is inhibited, mean and standard error over models that have some."""
    count, inhibited = (np.atleast_1d(cell[f"{kind}_{what}"].values) for what in ("pairs", "inhibited"))
    some = count > 0
    if not some.any():
        return f"no {kind} ones"
    negative = mean_error(inhibited[some] / count[some], ".0f", 100)
    return f"{np.nanmean(count):.3g} {kind} a model, {negative} % with interference turned negative"
