"""The most vectors that are almost orthogonal, and the coherence of trained features beside other vectors'."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import xarray as xr

from superposition_jax.core import geometry, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.packing import MOST, STREAM, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.theory import bounds

EPSILONS = 0.1, 0.2, 1 / 3, 1 / 2
_TOLERANCE = 5e-4
"""How far |cos| may exceed ε: a p-norm with finite p leaves nearest vectors at slightly unequal angles."""
_SIZES, _BETWEEN, _STEPS = 10, 5, 500
"""Sizes that are tried first, sizes that are tried then between success and failure, and steps of descent."""
_PAIRS, _RESTARTS = 2**18, (4, 64)
"""Pairs of vectors in all restarts of a size together, and the least and greatest number of restarts."""

_QUANTILES = 0.025, 0.5, 0.975
_MEASURES = ("represented_coherence", "represented_rms", "packed_coherence", "bound_coherence")

Coherences = dict[tuple[int, int], np.ndarray]
"""The coherences that all restarts reach, by (m, number of vectors)."""


def packing(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Coherences of represented features and of as many optimised and random vectors; the most vectors with |cos| ≤ ε.

    Elhage et al. 2022, "Mathematical Understanding" (almost-orthogonal vectors). Bounds are in `theory.bounds`.
    """
    w = np.nan_to_num(per_model.flat(select.directions(dataset), dataset))
    count, coherence, rms = population.over_models(numeric.spread, w, devices=trainer.devices)
    hidden = per_model.of_groups(trainer, lambda group: {"m": np.full(len(group.points), group.spec.n_hidden)})["m"]
    sizes = list(zip(hidden.tolist(), count.tolist(), strict=True))
    dimensions = sorted(set(hidden.tolist()))
    coherences = restarts({*sizes, *((m, size) for m in dimensions for size in _sizes(m))}, trainer.devices)
    between = {(m, size) for m in dimensions for epsilon in EPSILONS for size in _between(coherences, m, epsilon)}
    coherences |= restarts(between, trainer.devices)
    return {
        "represented_coherence": coherence,
        "represented_rms": rms,
        "packed_coherence": np.array([coherences[pair].min() for pair in sizes], np.float32),
        "packed_worst": np.array([coherences[pair].max() for pair in sizes], np.float32),
        "bound_coherence": np.float32(bounds.least_coherence(count, hidden)),
        "random_coherence": np.float32(bounds.random_coherence(count[:, None], hidden[:, None], _QUANTILES)),
        "packing_vectors": np.array([[_most(coherences, m, epsilon) for epsilon in EPSILONS] for m in dimensions]),
        **{"packing_m": dimensions, "packing_epsilon": [*EPSILONS], "packing_quantile": [*_QUANTILES]},
    }


def restarts(pairs: Collection[tuple[int, int]], devices: Sequence[jax.Device] | None = None) -> Coherences:
    """Coherences that descent reaches from several starts, by (m, number of vectors); like numbers share a program."""
    coherences: Coherences = {}
    padded = {pair: 1 << max(1, pair[1] - 1).bit_length() for pair in pairs}
    for columns in sorted(set(padded.values())):
        problems = sorted(pair for pair in pairs if padded[pair] == columns)
        times = int(np.clip(_PAIRS // columns**2, *_RESTARTS))
        m, size = np.repeat(problems, times, axis=0).T
        descend = partial(_descend, rows=m.max().item(), columns=columns)
        starts = np.tile(np.arange(times), len(problems))
        coherence = population.over_models(descend, starts, size, m, at_a_time=times, devices=devices)
        coherences |= dict(zip(problems, coherence.reshape(-1, times), strict=True))
    return coherences


def _descend(restart: jax.Array, size: jax.Array, m: jax.Array, *, rows: int, columns: int) -> jax.Array:
    """The coherence that one restart reaches."""
    key = jax.random.fold_in(jax.random.fold_in(random.key(0), STREAM), restart)
    return geometry.coherence(numeric.optimise(key, size, m, rows=rows, columns=columns, steps=_STEPS))


def _sizes(m: int) -> set[int]:
    """Numbers of vectors to try in R^m: in equal ratios, and the most that bounds allow."""
    most = [bounds.most_vectors(m, epsilon, MOST) for epsilon in EPSILONS]
    return {*most, *np.round(np.geomspace(min(m + 1, most[-1]), most[-1], _SIZES)).astype(int).tolist()}


def _most(coherences: Coherences, m: int, epsilon: float) -> int:
    """The most vectors in R^m that a restart brought to |cos| ≤ ε."""
    return max([m, *(size for (k, size), values in coherences.items() if k == m and values.min() <= epsilon + _TOLERANCE)])


def _between(coherences: Coherences, m: int, epsilon: float) -> set[int]:
    """Numbers of vectors to try next, between the most that succeeded and the fewest beyond that failed."""
    low = _most(coherences, m, epsilon)
    high = min((size for k, size in coherences if k == m and size > low), default=low)
    return {*np.linspace(low, high, _BETWEEN + 2).astype(int).tolist()} - {low, high}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The most vectors, and the coherence of every cell's features beside that of optimised and random vectors."""
    for epsilon, counts in zip(EPSILONS, dataset["packing_vectors"].values.T, strict=True):
        words = []
        for m, size in zip(dataset["packing_m"].values.tolist(), counts.tolist(), strict=True):
            most = bounds.most_vectors(m, epsilon, 2 * MOST)
            count = f"≥ {size}" if size >= MOST else str(size)
            words.append(f"{count} ({most}) for m = {m}" if most < 2 * MOST else f"{count} for m = {m}")
        yield f"most vectors found with |cos| ≤ {epsilon:.3g} (and upper bound): {', '.join(words)}"
    for place, cell in select.ok_cells(dataset, "represented", "random_coherence", *_MEASURES):
        low, high = (float(cell["random_coherence"].isel(packing_quantile=k).mean()) for k in (0, -1))
        greatest, rms, packed, bound = (mean_error(cell[name], ".3f") for name in _MEASURES)
        represented = cell["represented"]
        welch = xr.apply_ufunc(bounds.welch, represented, int(select.leaf(dataset, "model.n_hidden", place)))
        yield (
            f"{labels.place(dataset, place, ', ')}median of {float(represented.median()):g} features: greatest |cos| "
            f"{greatest}, of as many random vectors {low:.3f} to {high:.3f}, optimised {packed}, bound {bound}; "
            f"root mean square {rms}, bound {mean_error(welch, '.3f')}"
        )
