"""One feature perturbed: where along an axis the best solution changes from two digons to another one."""

from collections.abc import Sequence
from numbers import Real

from superposition_jax.experiments.declare import TIED, Experiment, Figure, Table, Variable, every
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec


def _one_axis(specs: Sequence[Spec], grid: Grid) -> str | None:
    """One axis of numbers above 0 beside the seed's, which is a dimension of its own."""
    axes = [axis for axis in grid.axes if axis.path != "seed"]
    numbers = len(axes) == 1 and all(isinstance(value, Real) and value > 0 for value in axes[0].values)
    return None if numbers and len(grid.sizes) == len(grid.axes) else "needs one axis of numbers above 0 beside the seed's"


EXPERIMENT = Experiment(
    tables={
        "crossing": Table(
            f"{__name__}.table",
            variables={
                "digons": Variable("whether the features form two digons and a dropped one"),
                "crossing": Variable(
                    "value of the axis at which the best seeds cease to be two digons", each="run", nan="they do not"
                ),
                "crossing_error": Variable("standard error of crossing, from resampled seeds", each="run", nan="crossing is"),
            },
            needs=(TIED, every(lambda spec: spec.n_features == 5, "model.n_features = 5"), _one_axis),
        )
    },
    figures={"crossing": Figure(f"{__name__}.figure", table="crossing")},
)
