"""The axes of a multirun's Dataset: the overrides that vary between its jobs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from superposition_jax.config.axes import reserved as reserved_names
from superposition_jax.sweep import Axis


def axes(overrides: Sequence[dict[str, Any]], inner: set[str]) -> tuple[list[Axis], list[int]]:
    """Axes over the overrides that vary, and every job's place on them: their product if the jobs are that, else one axis.

    Names in `inner` are taken by the jobs' own axes.
    """
    keys = list(dict.fromkeys(key for own in overrides for key in own))
    columns = {key: [_scalar(own.get(key)) for own in overrides] for key in keys}
    columns = {key: column for key, column in columns.items() if len(set(column)) > 1}
    names = _names(list(columns), inner)
    values = {key: tuple(dict.fromkeys(column)) for key, column in columns.items()}
    rows = list(zip(*columns.values(), strict=True)) if columns else [()] * len(overrides)
    product = int(np.prod([len(v) for v in values.values()]))
    if len(set(rows)) == len(rows) == product:
        grid = [Axis(names[key], key, values[key], names[key]) for key in columns]
        shape = [len(values[key]) for key in columns]
        codes = [tuple(values[key].index(value) for key, value in zip(columns, row, strict=True)) for row in rows]
        return grid, [int(np.ravel_multi_index(code, shape)) if shape else 0 for code in codes]
    number = Axis("job", "hydra.job.num", tuple(range(len(overrides))), "job")
    labels = [Axis(names[key], key, tuple(column), "job") for key, column in columns.items()]
    return [number, *labels], list(range(len(overrides)))


def _scalar(value: Any) -> Any:
    """A value that labels: numbers and words as they are, all else as text."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else str(value)


def _names(keys: Sequence[str], inner: set[str]) -> dict[str, str]:
    """Names of axes over overrides: the last word of the key where that is a name of its own, else the whole key."""
    reserved, found = {"job", *inner, *reserved_names()}, {}
    for key in keys:
        short = key.rpartition(".")[2]
        taken = short in reserved or not short.isidentifier() or [k.rpartition(".")[2] for k in keys].count(short) > 1
        found[key] = key.replace(".", "_").replace("/", "_") if taken else short
    return found
