"""One of five features perturbed: where along an axis the best solution ceases to be two digons."""

from collections.abc import Sequence
from numbers import Real

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import TIED, every_model, need
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec


def _one_positive_axis(specs: Sequence[Spec], grid: Grid) -> bool:
    axes = [axis for axis in grid.axes if axis.path != "seed"]
    positive = len(axes) == 1 and all(isinstance(value, Real) and value > 0 for value in axes[0].values)
    return positive and len(grid.sizes) == len(grid.axes)


_FIVE = every_model(lambda spec: spec.n_features == 5, "model.n_features = 5")
_ONE_AXIS = need("one axis of numbers above 0 beside the seed's", _one_positive_axis)

PENTAGON, DIGONS, DEAD = SOLUTIONS = ("pentagon", "two digons", "two digons, first output dead")
"""Solutions whose optima are compared. Both kinds of two digons drop the first feature: its output is its mean, or 0."""
_CEASE, _NEVER = "value of the axis at which the best seeds cease to be two digons", "they do not, or there are no seeds"
_OPTIMA, _UNKNOWN = "value of the axis at which the optima of pentagon and two digons cross", "they do not, or are not known"
_DROPS = "the pentagon's optimum drops the first feature"
_ERROR = "standard error of crossing, from resampled seeds, losses, and the scatter that training leaves"


def _of_optima(meaning: str) -> Variable:
    return Variable(meaning, per="run", nan=_UNKNOWN, optional=True)


_VARIABLES = {
    "digons": Variable("whether the features form two digons, with one feature dropped"),
    "crossing": Variable(_CEASE, per="run", nan=_NEVER),
    "crossing_error": Variable(_ERROR, per="run", nan="crossing is NaN"),
    "solution_loss": Variable(
        "least loss of the solution, held to its arrangement", ("solution",), "cell", _DROPS, optional=True
    ),
    "solution_error": Variable("error of solution_loss, of quadrature and search", ("solution",), "cell", "", optional=True),
    "crossing_optimised": _of_optima(_OPTIMA),
    "crossing_optimised_error": _of_optima("error of crossing_optimised, from those of both losses"),
    "crossing_dead": _of_optima(f"{_OPTIMA}, the latter with a dead output"),
    "crossing_dead_error": _of_optima("error of crossing_dead, from those of both losses"),
}

EXPERIMENT = Declared(
    tables={"crossing": Table(f"{__name__}.table", _VARIABLES, (TIED, _FIVE, _ONE_AXIS))},
    figures={"crossing": Figure(f"{__name__}.figure", table="crossing")},
)
