"""Learning dynamics: dimensionalities that jump between those of solids, and sets of features that part in stages."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import EQUAL_TRAINING, IN_SETS, SEVERAL_HIDDEN, SNAPSHOTS, TIED, every_model

NEAR, MOVED, MOVERS, SETTLED = 0.03, 0.05, 2, 0.1
"""Largest distance of a D_i on a solid's level, least move of a D_i, moves that make an event, and share of training before
events count."""

_ON_LEVEL = f"share of represented features with D_i within {NEAR} of a solid's"
_EVENTS = f"events: windows of 1 % in which ≥ {MOVERS} D_i move by {MOVED}"
_FALL = f"share of the fall of the loss after {SETTLED:.0%} of training that happens in events"
JUMPS = {
    "on_level_early": Variable(f"{_ON_LEVEL}, from 0.5 to 5 % of training", nan="no feature is represented then"),
    "on_level_late": Variable(f"{_ON_LEVEL}, in the last half of training", nan="no feature is represented then"),
    "event_time": Variable(f"share of training after {SETTLED:.0%} in {_EVENTS}"),
    "event_drop": Variable(_FALL, nan="the loss does not fall then"),
}

SHAPES = {
    "axis_share": Variable("share of ‖W‖² along the line through both sets' means", ("snapshot",)),
    "within_least": Variable("least cosine between features of one set", ("snapshot",)),
    "within_most": Variable("largest |cosine| between features of one set", ("snapshot",)),
    "partner": Variable("greatest over features of the cosine with the most opposite feature of the other set", ("snapshot",)),
    "roundness": Variable("ratio of the second to the first variance of W across that line", ("snapshot",)),
}
"""Variables of the table `stages` at every snapshot."""
_STEPS = {
    "line_step": "step of the last snapshot at which each set is one direction: ‖W‖² > 1.5, cosines within sets > 0.9",
    "line_share": "axis_share at line_step: 1 where the sets point to opposite sides, ½ where they are orthogonal",
    "triangles_step": "step of the first snapshot with triangles: ‖W‖² > 4, |cosines| within sets < 0.15, roundness > 0.7",
    "antiprism_step": "step of the first snapshot with an antiprism: ‖W‖² > 4, |cosines| within sets < 0.15, partner < −0.95",
}
STAGES = {name: Variable(meaning, nan="no snapshot is so") for name, meaning in _STEPS.items()}
"""Variables of the table `stages` that a model has once: the steps of the stages, and the geometry at the first."""

_TRAINED_ALIKE = (TIED, SNAPSHOTS, EQUAL_TRAINING)
_TWO_SETS = every_model(lambda s: len(s.sets) == 2 and min(s.sets) > 1, "two sets of two or more features (data.sets.sizes)")

EXPERIMENT = Declared(
    tables={
        "jumps": Table(f"{__name__}.jumps", JUMPS, _TRAINED_ALIKE),
        "stages": Table(f"{__name__}.stages", SHAPES | STAGES, (*_TRAINED_ALIKE, IN_SETS, _TWO_SETS, SEVERAL_HIDDEN)),
    },
    figures={name: Figure(f"{__name__}.figure", needs=(SNAPSHOTS,)) for name in ("dynamics", "trajectories", "film")},
)
