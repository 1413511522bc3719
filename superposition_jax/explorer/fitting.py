"""Less of what a page holds, where it would be too large."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import xarray as xr

from superposition_jax.explorer.arrays import Arrays
from superposition_jax.results import labels, select

_OF_EVERY_SEED = ("status", "diverged_at", "best")


class LeftOut(NamedTuple):
    """What a page lacks."""

    words: list[str]
    every: dict[str, int]
    """Of a dimension, every which place it has."""


def fit(dataset: xr.Dataset, arrays: Arrays, most: int) -> tuple[Arrays, LeftOut]:
    """As much as takes at most so many bytes: first of all cells the best seeds, in the end of some cells only."""
    seed, best, words, every = select.seed_dim(dataset), arrays.models.get("best"), [], 1

    def of_best(values: xr.DataArray) -> xr.DataArray:
        return values.isel({seed: best}) if seed in values.dims else values

    def models(arrays: Arrays) -> Arrays:
        each = {name: v if name in _OF_EVERY_SEED else of_best(v) for name, v in arrays.models.items()}
        return arrays._replace(models=each)

    def without(*ends: str) -> Callable[[Arrays], Arrays]:
        return lambda arrays: arrays._replace(models={n: v for n, v in arrays.models.items() if not n.endswith(ends)})

    def numbers(arrays: Arrays) -> Arrays:
        measures = {n: {key: v for key, v in own.items() if key != "all"} for n, own in arrays.measures.items()}
        return Arrays(measures, {name: of_best(values) for name, values in arrays.models.items()})

    steps = {
        "weights and curves are those of each cell's best seed": models,
        "without snapshots of training": without("_snapshots"),
        "without the numbers of single seeds": numbers,
        "without loss curves": without("loss_curve"),
    }
    for left_out, shrink in steps.items():
        if arrays.size > most and (smaller := shrink(arrays)).size < arrays.size:
            arrays, words = smaller, [*words, left_out]
    dim = max(select.cell_dims(dataset), key=lambda dim: dataset.sizes[dim], default="")
    whole = arrays
    while arrays.size > most and every < dataset.sizes.get(dim, 1):
        every += 1
        arrays = whole.map(partial(xr.DataArray.isel, indexers={dim: slice(None, None, every)}, missing_dims="ignore"))
    if every > 1:
        words.append(f"of {labels.label(dataset, dim)} one place in {every}")
    return arrays, LeftOut(words, {dim: every} if every > 1 else {})
