"""What a folder of `experiments` declares: its tables and figures, what their variables mean, and which sweeps they are for."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from superposition_jax.experiments.needs import Need


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

    `module` has a function of the table's name, (Dataset, Trainer) → mapping of names to arrays, and may have a function
    `findings`, Dataset with the table → sentences. Arrays are (model, …) in the order of the sweep's points, or labelled. The
    mapping has the declared variables, and may have the values of dimensions that the table adds.
    """

    module: str
    variables: Mapping[str, Variable]
    needs: Sequence[Need] = ()
    coords: Mapping[str, str] = {}
    """Meanings of coordinates that the table adds, where their names do not say them."""

    @property
    def dims(self) -> set[str]:
        """Dimensions of the variables after those of the sweep."""
        return {dim for variable in self.variables.values() for dim in variable.dims}


class Figure(NamedTuple):
    """A figure; `module` has a function of its name, Dataset → matplotlib Figure or Animation."""

    module: str
    table: str | None = None
    """The table whose variables it shows."""
    needs: Sequence[Need] = ()


class Declared(NamedTuple):
    """What a folder offers, by the names under which a config asks for it."""

    tables: Mapping[str, Table] = {}
    figures: Mapping[str, Figure] = {}
    stream: int | None = None
    """The number of the folder's own stream of random numbers, different from all others (`types.INIT` … are 0 to 2)."""
