"""Several experiments in as few compiled programs as they have distinct Specs: put together, trained, and taken apart again."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from superposition_jax.sweep import Group, merge, take

Results = dict[str, np.ndarray]


def join(experiments: Sequence[Sequence[Group]]) -> list[Group]:
    """Groups of all experiments by Spec. Points are numbered through: those of an experiment follow those of the one before."""
    shifted = [
        Group(group.spec, group.hparams, group.seeds, group.points + first)
        for groups, first in zip(experiments, _firsts(experiments), strict=True)
        for group in groups
    ]
    return merge(shifted)


def split(
    experiments: Sequence[Sequence[Group]], joined: Sequence[Group], trained: Sequence[Results]
) -> list[tuple[list[Group], list[Results]]]:
    """For every experiment its groups and their results."""
    found: list[tuple[list[Group], list[Results]]] = [([], []) for _ in experiments]
    ends = np.cumsum([sum(len(group.points) for group in groups) for groups in experiments])
    for group, results in zip(joined, trained, strict=True):
        owner = np.searchsorted(ends, group.points, side="right")
        for number in np.unique(owner):
            mine = np.flatnonzero(owner == number)
            points = group.points[mine] - (ends[number - 1] if number else 0)
            found[number][0].append(Group(group.spec, take(group.hparams, mine), group.seeds[mine], points))
            found[number][1].append({name: values[mine] for name, values in results.items()})
    return found


def _firsts(experiments: Sequence[Sequence[Group]]) -> list[int]:
    """The number of every experiment's first point."""
    return [0, *accumulate(sum(len(group.points) for group in groups) for groups in experiments)][: len(experiments)]
