"""What a folder of `experiments` declares: its tables and figures, what their variables mean, and which sweeps they are for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from superposition_jax.core import data
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec

Need = Callable[[Sequence[Spec], Grid], str | None]
"""Of the Specs and axes of a sweep: in words what is missing (`needs model.kind = tied`), or None."""


class Variable(NamedTuple):
    """A result of a table."""

    meaning: str
    dims: tuple[str, ...] = ()
    """After those of the sweep."""
    each: Literal["model", "cell", "run"] = "model"
    """What has one: every model, every cell (all seeds together), or the whole run."""
    nan: str = ""
    """Where it is NaN although the model is ok, in words; never if empty."""
    optional: bool = False
    """Whether some sweeps have none."""


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
    """Meanings of the coordinates that it adds, where they need one."""


class Figure(NamedTuple):
    """A figure; `module` has a function of its name, Dataset → matplotlib Figure or Animation."""

    module: str
    table: str | None = None
    """The table that it shows."""
    needs: Sequence[Need] = ()


class Experiment(NamedTuple):
    """What a folder offers, by the names under which a config asks for it."""

    tables: Mapping[str, Table] = {}
    figures: Mapping[str, Figure] = {}
    stream: int | None = None
    """Number of the folder's stream of random numbers, which no other has (`types.INIT` … are 0 to 2)."""


# --------------------------------------------------------------------------------------------------------- needs


def every(condition: Callable[[Spec], bool], words: str) -> Need:
    """The need that a condition holds for every model."""
    return lambda specs, grid: None if all(map(condition, specs)) else f"needs {words}"


def is_one_of(field: str, key: str, *values: Any) -> Need:
    """The need that a field of every Spec, which the config's `key` fills, has one of some values."""
    return every(lambda spec: getattr(spec, field) in values, f"{key} = {' or '.join(map(str, values))}")


def measures(*names: str) -> Need:
    """The need that some expectations are measured."""
    return every(lambda spec: {*names} <= {*spec.measures}, f"measures=[{', '.join(names)}]")


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
NOT_NEGATIVE = every(lambda spec: data.LAWS[spec.law].support[0] >= 0, "values that are not negative (data.values.law)")
SEVERAL_HIDDEN = every(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1")
SNAPSHOTS = every(lambda spec: spec.snapshots > 0, "train.snapshots above 0")
EQUAL_TRAINING: Need = _equal_training
DENSITY_AXIS = axis_over("data.density")
