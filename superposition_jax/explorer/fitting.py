"""Reduces a page's arrays to a byte budget."""

from collections.abc import Callable
from functools import partial

import xarray as xr

from superposition_jax.explorer.arrays import Arrays
from superposition_jax.results import labels, select

_OF_EVERY_SEED = ("status", "diverged_at", "best")
"""Arrays that a page keeps for all seeds."""


def fit(dataset: xr.Dataset, arrays: Arrays, most: int) -> tuple[Arrays, list[str], dict[str, int]]:
    """Arrays of at most `most` bytes: of the best seeds only, then with fewer arrays, and in the end for fewer cells.

    Also returns what is left out, in words, and the step between the places that are shown of a dimension.
    """
    seed, best, words, every = select.seed_dim(dataset), arrays.models.get("best"), [], 1

    def of_best(values: xr.DataArray) -> xr.DataArray:
        return values.isel({seed: best}) if seed in values.dims else values

    def models(arrays: Arrays) -> Arrays:
        return arrays._replace(models={n: v if n in _OF_EVERY_SEED else of_best(v) for n, v in arrays.models.items()})

    def without(*ends: str) -> Callable[[Arrays], Arrays]:
        return lambda arrays: arrays._replace(models={n: v for n, v in arrays.models.items() if not n.endswith(ends)})

    def numbers(arrays: Arrays) -> Arrays:
        measures = {n: {key: v for key, v in by_key.items() if key != "all"} for n, by_key in arrays.measures.items()}
        return Arrays(measures, arrays.models).map(of_best)

    steps = {
        "weights and curves are those of each cell's best seed": models,
        "without snapshots of training": without("_snapshots"),
        "without the numbers of single seeds": numbers,
        "without loss curves": without("loss_curve"),
    }
    for left_out, shrink in steps.items():
        if arrays.size > most and (smaller := shrink(arrays)).size < arrays.size:
            arrays, words = smaller, [*words, left_out]
    dim, of_all_cells = max(select.cell_dims(dataset), key=lambda dim: dataset.sizes[dim], default=""), arrays
    while arrays.size > most and every < dataset.sizes.get(dim, 1):
        every += 1
        arrays = of_all_cells.map(partial(xr.DataArray.isel, indexers={dim: slice(None, None, every)}, missing_dims="ignore"))
    if every > 1:
        words.append(f"of {labels.label(dataset, dim)} one place in {every}")
    return arrays, words, {dim: every} if every > 1 else {}
