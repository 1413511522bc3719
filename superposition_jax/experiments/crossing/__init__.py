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

_CEASE, _NEVER = "value of the axis at which the best seeds cease to be two digons", "they do not, or there are no seeds"
_VARIABLES = {
    "digons": Variable("whether the features form two digons, with one feature dropped"),
    "crossing": Variable(_CEASE, per="run", nan=_NEVER),
    "crossing_error": Variable("standard error of crossing, from resampled seeds", per="run", nan="crossing is NaN"),
}

EXPERIMENT = Declared(
    tables={"crossing": Table(f"{__name__}.table", _VARIABLES, (TIED, _FIVE, _ONE_AXIS))},
    figures={"crossing": Figure(f"{__name__}.figure", table="crossing")},
)
