"""How many almost orthogonal vectors there are, and how near trained features come to them."""

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import jax
import numpy as np
import xarray as xr

from superposition_jax.core import geometry, random
from superposition_jax.engine import population
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.packing import numeric as vectors
from superposition_jax.experiments.tables import told
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.theory import bounds
from superposition_jax.types import PACKING

EPSILONS = 0.1, 0.2, 1 / 3, 1 / 2
MOST = 256
"""Vectors up to which the greatest number is looked for."""
_TOLERANCE = 5e-4
"""Of |cos| ≤ ε: a p-norm with finite p leaves vectors that touch at slightly unequal angles."""
_SIZES, _BETWEEN, _STEPS = 10, 5, 500
_PAIRS, _RESTARTS = 2**18, (4, 64)
"""Pairs of vectors of all restarts of a size together, and how few and many restarts that may be."""

_QUANTILES = 0.025, 0.5, 0.975

_MEANINGS = {
    "represented_coherence": "max |Ŵ_i·Ŵ_j| over represented features",
    "represented_rms": "root mean square of Ŵ_i·Ŵ_j over pairs of represented features",
    "packed_coherence": "least max |cos| found of as many unit vectors in R^m as features are represented",
    "packed_worst": "the same of the worst restart",
    "bound_coherence": "bound (Welch, Levenshtein) that the coherence of as many vectors in R^m is not below",
    "random_coherence": "quantiles of the coherence of as many random directions in R^m",
    "packing_vectors": "greatest number of unit vectors found in R^m with |cos| ≤ ε",
}
Found = dict[tuple[int, int], np.ndarray]
"""Coherences of all restarts by (m, N)."""


def packing(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Coherence of represented features, of as many optimised vectors, and the greatest number of vectors for some ε.

    Elhage et al. 2022, "Mathematical Understanding" (almost-orthogonal vectors). Bounds are in `bounds`.
    """
    sweep = dataset["status"]
    w = select.directions(dataset).transpose(*sweep.dims, "hidden", "feature").fillna(0.0).values
    count, coherence, rms = population.over_models(vectors.spread, w.reshape(-1, *w.shape[-2:]), devices=trainer.devices)
    hidden = np.empty(sweep.size, int)
    for group in trainer.groups:
        hidden[group.points] = group.spec.n_hidden
    own = list(zip(hidden.tolist(), count.tolist(), strict=True))
    dimensions = sorted(set(hidden.tolist()))
    found = restarts({*own, *((m, size) for m in dimensions for size in _sizes(m))}, trainer.devices)
    left = {(m, size) for m in dimensions for epsilon in EPSILONS for size in _between(found, m, epsilon)}
    found |= restarts(left, trainer.devices)
    columns = {
        "represented_coherence": coherence,
        "represented_rms": rms,
        "packed_coherence": [found[pair].min() for pair in own],
        "packed_worst": [found[pair].max() for pair in own],
        "bound_coherence": bounds.least_coherence(count, hidden),
        "random_coherence": bounds.random_coherence(count[:, None], hidden[:, None], _QUANTILES),
    }
    variables = {name: _on(sweep, np.asarray(values, np.float32), _MEANINGS[name]) for name, values in columns.items()}
    greatest = np.array([[_greatest(found, m, epsilon) for epsilon in EPSILONS] for m in dimensions])
    meaning = {"long_name": _MEANINGS["packing_vectors"]}
    variables["packing_vectors"] = xr.Variable(("packing_m", "packing_epsilon"), greatest, meaning)
    axes = {"packing_m": dimensions, "packing_epsilon": list(EPSILONS), "packing_quantile": list(_QUANTILES)}
    table = xr.Dataset(variables, coords=axes)
    return told(dataset, table, _findings)


def _on(sweep: xr.DataArray, values: np.ndarray, meaning: str) -> xr.Variable:
    """Numbers of models, (model,) or (model, quantile), on the sweep's dimensions."""
    dims = *sweep.dims, *["packing_quantile"][: values.ndim - 1]
    return xr.Variable(dims, values.reshape((*sweep.shape, *values.shape[1:])), {"long_name": meaning})


def restarts(pairs: Collection[tuple[int, int]], devices: Sequence[jax.Device] | None = None) -> Found:
    """Coherences that descent reaches from several starts, for all (m, N); one program for sizes between powers of two."""
    found: Found = {}
    padded = {pair: 1 << max(1, pair[1] - 1).bit_length() for pair in pairs}
    for columns in sorted(set(padded.values())):
        here = sorted(pair for pair in pairs if padded[pair] == columns)
        times = int(np.clip(_PAIRS // columns**2, *_RESTARTS))
        m, size = np.repeat(here, times, axis=0).T
        reached = partial(_reached, rows=m.max().item(), columns=columns)
        starts = np.tile(np.arange(times), len(here))
        coherence = population.over_models(reached, starts, size, m, at_a_time=times, devices=devices)
        found |= dict(zip(here, coherence.reshape(-1, times), strict=True))
    return found


def _reached(restart: jax.Array, size: jax.Array, m: jax.Array, *, rows: int, columns: int) -> jax.Array:
    key = jax.random.fold_in(jax.random.fold_in(random.key(0), PACKING), restart)
    return geometry.coherence(vectors.optimise(key, size, m, rows=rows, columns=columns, steps=_STEPS))


def _sizes(m: int) -> set[int]:
    """Numbers of vectors to try in R^m: spread evenly over ratios, and those that bounds allow."""
    most = [bounds.most_vectors(m, epsilon, MOST) for epsilon in EPSILONS]
    return {*most, *np.round(np.geomspace(min(m + 1, most[-1]), most[-1], _SIZES)).astype(int).tolist()}


def _greatest(found: Found, m: int, epsilon: float) -> int:
    return max([m, *(size for (k, size), reached in found.items() if k == m and reached.min() <= epsilon + _TOLERANCE)])


def _between(found: Found, m: int, epsilon: float) -> set[int]:
    """Numbers of vectors to try next: from the greatest that was found on, to the least that failed."""
    low = _greatest(found, m, epsilon)
    high = min((size for k, size in found if k == m and size > low), default=low)
    return {*np.linspace(low, high, _BETWEEN + 2).astype(int).tolist()} - {low, high}


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for epsilon, counts in zip(EPSILONS, dataset["packing_vectors"].values.T, strict=True):
        words = (_count(m, size, epsilon) for m, size in zip(dataset["packing_m"].values.tolist(), counts.tolist(), strict=True))
        yield f"vectors with |cos| ≤ {epsilon:.3g}, as many as were found (and at most): {', '.join(words)}"
    for here, cell in select.cells(dataset[["represented", *list(_MEANINGS)[:-1], "loss"]]):
        low, _, high = cell["random_coherence"].values.reshape(-1, len(_QUANTILES)).mean(axis=0)
        greatest, rms, packed, bound = (
            mean_error(cell[name].values, ".3f")
            for name in ("represented_coherence", "represented_rms", "packed_coherence", "bound_coherence")
        )
        welch = bounds.welch(cell["represented"].values, int(select.leaf(dataset, "model.n_hidden", here)))
        yield (
            f"{labels.place(dataset, here, ', ')}median of {float(cell['represented'].median()):g} features: greatest |cos| "
            f"{greatest}, of as many random vectors {low:.3f} to {high:.3f}, optimised {packed}, bound {bound}; "
            f"root mean square {rms}, bound {mean_error(welch, '.3f')}"
        )


def _count(m: int, size: int, epsilon: float) -> str:
    most = bounds.most_vectors(m, epsilon, 2 * MOST)
    known = f" ({most})" if most < 2 * MOST else ""
    return f"{'≥ ' if size >= MOST else ''}{size}{known} for m = {m}"
