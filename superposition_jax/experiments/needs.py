"""What tables and figures need of a sweep, checked before anything is trained."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from superposition_jax.core import data
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec


class Need(NamedTuple):
    """A condition on the Specs and axes of a sweep."""

    words: str
    """What the sweep must have."""
    missing: Callable[[Sequence[Spec], Grid], str | None]
    """What a sweep lacks, to follow the name of the table or figure, or None: `needs model.kind = tied`."""


def need(words: str, holds: Callable[[Sequence[Spec], Grid], bool]) -> Need:
    """The need for a condition, put in words."""
    return Need(words, lambda specs, grid: None if holds(specs, grid) else f"needs {words}")


def every_model(condition: Callable[[Spec], bool], words: str) -> Need:
    """The need that a condition, put in words, holds for every model."""
    return need(words, lambda specs, grid: all(map(condition, specs)))


def is_one_of(field: str, key: str, *values: Any) -> Need:
    """The need that the leaf `key` of the config, and so the Spec's `field`, has one of some values."""
    return every_model(lambda spec: getattr(spec, field) in values, f"{key} = {' or '.join(map(str, values))}")


def measured(*names: str) -> Need:
    """The need that the run has some measures."""
    return every_model(lambda spec: {*names} <= {*spec.measures}, f"measures=[{', '.join(names)}]")


TIED = is_one_of("kind", "model.kind", "tied")
LINEAR_HIDDEN = is_one_of("hidden_activation", "model.hidden_activation", "identity")
RELU_HIDDEN = is_one_of("hidden_activation", "model.hidden_activation", "relu")
RECONSTRUCTION = is_one_of("target", "target.kind", "identity")
INDEPENDENT = is_one_of("correlation", "data.sets.kind", "independent")
IN_SETS = is_one_of("correlation", "data.sets.kind", "correlated", "anticorrelated")
NOT_NEGATIVE = every_model(lambda spec: data.LAWS[spec.law].support[0] >= 0, "values that are not negative (data.values.law)")
SEVERAL_HIDDEN = every_model(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1")
SNAPSHOTS = every_model(lambda spec: spec.snapshots > 0, "train.snapshots above 0")
EQUAL_TRAINING = need(
    "no axis over model.n_hidden, train.steps or train.snapshots",
    lambda specs, grid: len({(spec.n_hidden, spec.steps, spec.snapshots) for spec in specs}) == 1,
)
DENSITY_AXIS = need(
    "a sweep axis over data.density",
    lambda specs, grid: any(axis.path in ("data.density", "data.sparsity") for axis in grid.axes),
)
