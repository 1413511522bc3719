"""Interference: false activations of features that are off, inputs that look alike, and what interference costs."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import INDEPENDENT, LINEAR_HIDDEN, RECONSTRUCTION, TIED, every_model

OTHERS = (1, 2, 3)
"""Numbers of other features that are active together."""
STAGES = ("raw", "activated", "biased")
"""z without bias, f(z), and the output f(z + b)."""
FAINT = 0.01
"""Activations up to this count as none: training leaves so much between orthogonal features."""
ALIKE = 0.1
"""Distance in the hidden layer up to which two inputs look alike, and least value of a feature that counts as on."""

_NONE_OFF = "no further features are represented"
_FEW = "no further features are represented, or there are too many sets to try"
_OFF = "of represented features that are off while `others` represented ones are on"
_VARIABLES = {
    "false_positive": Variable(f"share {_OFF} with z = Σ_j W_i·W_j x_j > {FAINT}", ("others",), nan=_NONE_OFF),
    "false_negative": Variable(f"share {_OFF} with z < −{FAINT}", ("others",), nan=_NONE_OFF),
    "false_square": Variable(f"mean z², f(z)², f(z + b)² {_OFF}", ("others", "stage"), nan=_NONE_OFF),
    "false_density": Variable(
        f"probability density of z, f(z), f(z + b) {_OFF}", ("others", "stage", "activation_value"), nan=_NONE_OFF
    ),
    "alternatives": Variable(
        f"number of other sets of at most `others` features that give the h of `others` features at 1, to {ALIKE}",
        ("others",),
        nan=_FEW,
    ),
    "ambiguous": Variable("share of sets of `others` features with such alternatives", ("others",), nan=_FEW),
    "linear_benefit": Variable("Σ_i I_i (1 − ‖W_i‖²)²: first term of the linear model's loss"),
    "linear_interference": Variable("Σ_{i≠j} I_j (W_j·W_i)²: second term of the linear model's loss"),
    "one_active_benefit": Variable("Σ_i E I_i (x_i − x'_i)² with feature i on alone: first term of L₁"),
    "one_active_interference": Variable("Σ_{i≠j} E I_j x'_j² with feature i on alone: second term of L₁"),
    "one_active_excess": Variable("Σ_{i≠j} E I_j (x'_j² − f(b_j)²) with feature i on alone: interference with nothing else on"),
    "represented_loss": Variable("Σ_i I_i E (x_i − x'_i)² with no feature but i on, over represented features: their own error"),
    "dropped_loss": Variable("the same over features that are not represented"),
}
_NEEDS = (
    *(TIED, INDEPENDENT, LINEAR_HIDDEN, RECONSTRUCTION),
    every_model(lambda spec: spec.n_features > 3, "model.n_features above 3"),
)

EXPERIMENT = Declared(
    tables={"interference": Table(f"{__name__}.table", _VARIABLES, _NEEDS)},
    figures={"interference": Figure(f"{__name__}.figure", table="interference")},
)
