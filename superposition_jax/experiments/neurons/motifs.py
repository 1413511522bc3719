"""Asymmetric superposition: a shared neuron with unequal weights, and a second one that inhibits what it lets through."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.neurons.table import SPEAKS
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select

UNEQUAL = 4.0
"""A shared neuron is asymmetric when it passes interference this many times better one way than the other."""


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
    found = [pair for pair, unequal in pairs(w_in, w_out) if unequal >= UNEQUAL and pair.total <= 0]
    return max(found, key=lambda pair: pair.interference, default=None)


_MEANINGS = {
    "asymmetric_pairs": f"pairs of features that share a neuron {UNEQUAL:g} times more open one way than the other",
    "asymmetric_inhibited": "of these, those whose total interference the rest of the network makes ≤ 0",
    "symmetric_pairs": f"pairs of features that share a neuron less than {UNEQUAL:g} times more open one way",
    "symmetric_inhibited": "of these, those whose total interference the rest of the network makes ≤ 0",
}


def asymmetry(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """How often pairs of features share a neuron unequally, and how often interference is then turned negative.

    Elhage et al. 2022, "Computation in Superposition", asymmetric superposition motif.
    """
    sweep = dataset["status"]
    w_in, w_out = (
        part.transpose(*sweep.dims, "hidden", "feature").fillna(0.0).values.reshape(-1, *part.shape[-2:])
        for part in (select.directions(dataset), select.read_out(dataset))
    )
    counts = np.zeros((len(_MEANINGS), sweep.size), int)
    for point in range(sweep.size):
        for pair, unequal in pairs(w_in[point], w_out[point]):
            kind = 0 if unequal >= UNEQUAL else 2
            counts[kind, point] += 1
            counts[kind + 1, point] += pair.total <= 0
    table = xr.Dataset(
        {
            name: (sweep.dims, values.reshape(sweep.shape), {"long_name": meaning})
            for (name, meaning), values in zip(_MEANINGS.items(), counts, strict=True)
        }
    )
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[[*_MEANINGS, "loss"]]):
        place = labels.place(dataset, here, ", ")
        said = (_shares(cell, kind) for kind in ("asymmetric", "symmetric"))
        yield f"{place}pairs of features in one neuron: {', '.join(said)}"


def _shares(cell: xr.Dataset, kind: str) -> str:
    """How many pairs a model has, and the share that is inhibited, mean and standard error over models that have some."""
    count, inhibited = (np.atleast_1d(cell[f"{kind}_{what}"].values) for what in ("pairs", "inhibited"))
    there = count > 0
    if not there.any():
        return f"no {kind} ones"
    negative = mean_error(inhibited[there] / count[there], ".0f", 100)
    return f"{count.mean():.3g} {kind} a model, {negative} % with interference turned negative"
