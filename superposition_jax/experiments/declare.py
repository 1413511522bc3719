"""What a folder of `experiments` declares: its tables and figures, what their variables mean, and which sweeps they are for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from superposition_jax.core import data
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec

Need = Callable[[Sequence[Spec], Grid], str | None]
"""What a sweep of these Specs and axes lacks, in words (`needs model.kind = tied`), or None."""


class Variable(NamedTuple):
    """A result of a table."""

    meaning: str
    dims: tuple[str, ...] = ()
    """Dimensions that follow those of the sweep."""
    per: Literal["model", "cell", "run"] = "model"
    """Whether there is one for every model, for every cell (all seeds together), or for the whole run."""
    nan: str = ""
    """When it is NaN although the model is ok; empty if never."""
    optional: bool = False
    """Whether the table may leave it out."""


class Table(NamedTuple):
    """A table of the run's results, computed when training is done.

    `module` has a function of the table's name, (Dataset, Trainer) → mapping of names to arrays, and a function `findings`,
    Dataset with the table → sentences. Arrays are (model, …) in the order of the sweep's points, or labelled. The mapping may
    also have the values of the dimensions that the table adds.
    """

    module: str
    variables: Mapping[str, Variable]
    needs: Sequence[Need] = ()
    coords: Mapping[str, str] = {}
    """Meanings of coordinates that the table adds, where their names do not say them."""


class Figure(NamedTuple):
    """A figure; `module` has a function of its name, Dataset → matplotlib Figure or Animation."""

    module: str
    table: str | None = None
    """The table whose variables it shows."""
    needs: Sequence[Need] = ()


class Experiment(NamedTuple):
    """What a folder offers, by the names under which a config asks for it."""

    tables: Mapping[str, Table] = {}
    figures: Mapping[str, Figure] = {}
    stream: int | None = None
    """The number of the folder's own stream of random numbers, different from all others (`types.INIT` … are 0 to 2)."""


# --------------------------------------------------------------------------------------------------------- needs


def every_model(condition: Callable[[Spec], bool], words: str) -> Need:
    """The need that a condition, put in words, holds for every model."""
    return lambda specs, grid: None if all(map(condition, specs)) else f"needs {words}"


def is_one_of(field: str, key: str, *values: Any) -> Need:
    """The need that the leaf `key` of the config, and so the Spec's `field`, has one of some values."""
    return every_model(lambda spec: getattr(spec, field) in values, f"{key} = {' or '.join(map(str, values))}")


def measured(*names: str) -> Need:
    """The need that the run has some measures."""
    return every_model(lambda spec: {*names} <= {*spec.measures}, f"measures=[{', '.join(names)}]")


def axis_over(path: str) -> Need:
    """The need for a sweep axis over a leaf of the config; one over sparsity is one over density."""

    def missing(specs: Sequence[Spec], grid: Grid) -> str | None:
        paths = {axis.path.replace("data.sparsity", "data.density") for axis in grid.axes}
        return None if path in paths else f"needs a sweep axis over {path}"

    return missing


def _equal_training(specs: Sequence[Spec], grid: Grid) -> str | None:
    alike = len({(spec.n_hidden, spec.steps, spec.snapshots) for spec in specs}) == 1
    return None if alike else "needs no axis over model.n_hidden, train.steps or train.snapshots"


TIED = is_one_of("kind", "model.kind", "tied")
LINEAR_HIDDEN = is_one_of("hidden_activation", "model.hidden_activation", "identity")
RELU_HIDDEN = is_one_of("hidden_activation", "model.hidden_activation", "relu")
RECONSTRUCTION = is_one_of("target", "target.kind", "identity")
INDEPENDENT = is_one_of("correlation", "data.sets.kind", "independent")
IN_SETS = is_one_of("correlation", "data.sets.kind", "correlated", "anticorrelated")
NOT_NEGATIVE = every_model(lambda spec: data.LAWS[spec.law].support[0] >= 0, "values that are not negative (data.values.law)")
SEVERAL_HIDDEN = every_model(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1")
SNAPSHOTS = every_model(lambda spec: spec.snapshots > 0, "train.snapshots above 0")
EQUAL_TRAINING: Need = _equal_training
DENSITY_AXIS = axis_over("data.density")
