"""Asymmetric superposition: a neuron that two features share unequally, and a second one that inhibits their interference."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.neurons import ASYMMETRY, SERVES, UNEQUAL
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec


class Motif(NamedTuple):
    """Features `source` and `victim` share a neuron; another one, the inhibitor, silences the victim's output."""

    source: int
    sign: int
    """The sign of the source's values that fire the shared neuron."""
    victim: int
    shared: int
    inhibitor: int
    interference: float
    """What a unit of the source adds to the victim's output through the shared neuron."""
    total: float
    """What it adds through all neurons."""


def pairs(w_in: np.ndarray, w_out: np.ndarray) -> Iterator[tuple[Motif, float]]:
    """Pairs of features that share a neuron, and the ratio ≥ 1 of interference on victim and source; W are (hidden, feature)."""
    contribution = np.abs(w_in) * w_out
    for shared in range(len(w_in)):
        for i, j in itertools.permutations(np.flatnonzero(contribution[shared] >= SERVES).tolist(), 2):
            forth, back = np.abs(w_in[shared, i]) * w_out[shared, j], np.abs(w_in[shared, j]) * w_out[shared, i]
            if forth > back or (forth == back and i < j):
                sign = int(np.sign(w_in[shared, i]))
                by_neuron = w_out[:, j] * np.maximum(sign * w_in[:, i], 0)
                inhibitor, total = int(by_neuron.argmin()), float(by_neuron.sum())
                yield Motif(i, sign, j, shared, inhibitor, float(forth), total), float(forth / back)


def strongest(w_in: np.ndarray, w_out: np.ndarray) -> Motif | None:
    """The asymmetric pair of greatest interference whose total is not above 0, or None."""
    motifs = [pair for pair, unequal in pairs(w_in, w_out) if unequal >= UNEQUAL and pair.total <= 0]
    return max(motifs, key=lambda pair: pair.interference, default=None)


def asymmetry(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Number of pairs of features that share a neuron unequally, or equally, and of those whose total interference is ≤ 0.

    Elhage et al. 2022, "Computation in Superposition", asymmetric superposition motif.
    """
    return per_model.on_host(dataset, trainer, _count_pairs, "W_in", "W_out")


def _count_pairs(spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, int]:
    counts = dict.fromkeys(ASYMMETRY, 0)
    for pair, unequal in pairs(results["W_in"], results["W_out"]):
        kind = "asymmetric" if unequal >= UNEQUAL else "symmetric"
        counts[f"{kind}_pairs"] += 1
        counts[f"{kind}_inhibited"] += pair.total <= 0
    return counts


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Asymmetric and symmetric pairs of every cell, and the share of each that is inhibited."""
    for place, cell in select.ok_cells(dataset, *ASYMMETRY):
        shares = f"{_shares(cell, 'asymmetric')}, {_shares(cell, 'symmetric')}"
        yield f"{labels.place(dataset, place, ', ')}pairs of features in one neuron: {shares}"


def _shares(cell: xr.Dataset, kind: str) -> str:
    """Number of pairs of a kind, and the share of them that is inhibited, mean and standard error over models that have any."""
    count, inhibited = (cell[f"{kind}_{name}"] for name in ("pairs", "inhibited"))
    if not (has_pairs := count > 0).any():
        return f"no {kind} ones"
    negative = mean_error((inhibited / count).where(has_pairs), ".0f", 100)
    return f"{float(count.mean()):.3g} {kind} a model, {negative} % with interference turned negative"
