"""What tables cannot do without, by table: checked before anything is trained."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import NamedTuple

from superposition_jax.core import data
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec


class Need(NamedTuple):
    """A condition on all Specs of a sweep and on its axes, and what it asks for, in words."""

    holds: Callable[[Sequence[Spec], Grid], bool]
    words: str


def every(condition: Callable[[Spec], bool], words: str) -> Need:
    """What every model must be."""
    return Need(lambda specs, grid: all(condition(spec) for spec in specs), words)


def _one_axis(specs: Sequence[Spec], grid: Grid) -> bool:
    """One axis of numbers above 0 beside the seed's, which stands alone."""
    cells = [axis for axis in grid.axes if axis.path != "seed"]
    numbers = len(cells) == 1 and all(isinstance(value, Real) and value > 0 for value in cells[0].values)
    return numbers and len(grid.sizes) == len(grid.axes)


_TIED = every(lambda spec: spec.kind == "tied", "model.kind = tied")
_SNAPSHOTS = every(lambda spec: spec.snapshots > 0, "train.snapshots above 0")
_EQUAL = Need(
    lambda specs, grid: len({(spec.n_hidden, spec.steps, spec.snapshots) for spec in specs}) == 1,
    "no axis over model.n_hidden, train.steps or train.snapshots",
)
_NOT_NEGATIVE = every(lambda spec: data.LAWS[spec.law].support[0] >= 0, "values that are not negative (data.values.law)")
_SETS = every(lambda spec: spec.correlation != "independent", "data.sets.kind = correlated or anticorrelated")
_INDEPENDENT = every(lambda spec: spec.correlation == "independent", "data.sets.kind = independent")

NEEDS: dict[str, list[Need]] = {
    "solids": [_TIED],
    "partners": [_TIED, _SETS],
    "demonstration": [_TIED, every(lambda spec: spec.target == "identity", "target.kind = identity")],
    "crossing": [
        *(_TIED, every(lambda spec: spec.n_features == 5, "model.n_features = 5")),
        Need(_one_axis, "one axis of numbers above 0 beside the seed's"),
    ],
    "jumps": [_TIED, _SNAPSHOTS, _EQUAL],
    "stages": [
        *(_TIED, _SNAPSHOTS, _EQUAL, _SETS),
        every(lambda spec: len(spec.sets) == 2 and min(spec.sets) > 1, "two sets of two or more features (data.sets.sizes)"),
        every(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1"),
    ],
    "neurons": [every(lambda spec: spec.hidden_activation == "relu", "model.hidden_activation = relu")],
    "asymmetry": [
        every(lambda spec: spec.kind == "untied", "model.kind = untied"),
        every(lambda spec: spec.hidden_activation == "relu", "model.hidden_activation = relu"),
        every(lambda spec: spec.law == "signed", "data.values.law = signed"),
    ],
    "dictionary": [
        *(_TIED, every(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1")),
        every(lambda spec: spec.hidden_activation in ("identity", "relu"), "model.hidden_activation = identity or relu"),
        _NOT_NEGATIVE,
    ],
    "simulation": [every(lambda spec: spec.target == "identity", "target.kind = identity"), _NOT_NEGATIVE],
    "hierarchy": [_INDEPENDENT],
    "interference": [
        *(_TIED, _INDEPENDENT, every(lambda spec: spec.hidden_activation == "identity", "model.hidden_activation = identity")),
        every(lambda spec: spec.target == "identity", "target.kind = identity"),
        every(
            lambda spec: {"benefit_loss", "interference_loss"} <= set(spec.measures), "measures=[benefit_loss, interference_loss]"
        ),
        every(lambda spec: spec.n_features > 3, "model.n_features above 3"),
    ],
    "vulnerability": [
        every(lambda spec: {"attacked_loss", "attack_radius"} <= set(spec.measures), "measures=[attacked_loss, attack_radius]")
    ],
    "packing": [
        *(_TIED, every(lambda spec: spec.n_hidden > 1, "model.n_hidden above 1")),
        every(lambda spec: spec.n_features <= 1024, "model.n_features up to 1024"),
    ],
    "recovery": [
        *(_TIED, every(lambda spec: spec.hidden_activation == "identity", "model.hidden_activation = identity")),
        every(
            lambda spec: spec.activation == "relu" and spec.target == "identity",
            "model.activation = relu, target.kind = identity",
        ),
        *(_INDEPENDENT, _NOT_NEGATIVE),
        every(lambda spec: spec.n_features <= 256, "model.n_features up to 256"),
    ],
}
