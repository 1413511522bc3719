"""Interference: how often and how much active features turn on others, which inputs look alike, and what it costs."""

from superposition_jax.experiments.declare import (
    INDEPENDENT,
    LINEAR_HIDDEN,
    RECONSTRUCTION,
    TIED,
    Experiment,
    Figure,
    Table,
    Variable,
    every,
    measures,
)

OTHERS = (1, 2, 3)
"""Numbers of features that are active together."""
STAGES = ("raw", "activated", "biased")
"""z without bias, f(z), and f(z + b), which is the output."""
FAINT = 0.01
"""An activation up to this counts as none: training leaves orthogonal features so."""
ALIKE = 0.1
"""Distance in the hidden layer up to which two inputs look alike, and the least value of a feature that is on."""

_NONE_OFF = "as few features are represented as others are on"
_FEW = "as few features are represented, or there are too many sets to try"
_OFF = "of represented features that are off, when so many represented others are on"

EXPERIMENT = Experiment(
    tables={
        "interference": Table(
            f"{__name__}.table",
            variables={
                "false_positive": Variable(f"share {_OFF}, with z = Σ_j W_i·W_j x_j > {FAINT}", ("others",), nan=_NONE_OFF),
                "false_negative": Variable(f"share {_OFF}, with z < −{FAINT}", ("others",), nan=_NONE_OFF),
                "false_square": Variable(f"mean z², f(z)², f(z + b)² {_OFF}", ("others", "stage"), nan=_NONE_OFF),
                "false_density": Variable(
                    f"density of z, f(z), f(z + b) {_OFF}", ("others", "stage", "activation_value"), nan=_NONE_OFF
                ),
                "alternatives": Variable(
                    f"sets of at most so many features that explain h of so many others, all at 1, to {ALIKE}",
                    ("others",),
                    nan=_FEW,
                ),
                "ambiguous": Variable("share of sets of so many features that others explain", ("others",), nan=_FEW),
                "linear_benefit": Variable("Σ_i I_i (1 − ‖W_i‖²)²"),
                "linear_interference": Variable("Σ_{i≠j} I_j (W_j·W_i)²"),
                "one_active_benefit": Variable("Σ_i E I_i (x_i − x'_i)², feature i on alone: first term of L₁"),
                "one_active_interference": Variable("Σ_{i≠j} E I_j x'_j², feature i on alone: second term of L₁"),
            },
            needs=(
                *(TIED, INDEPENDENT, LINEAR_HIDDEN, RECONSTRUCTION, measures("benefit_loss", "interference_loss")),
                every(lambda spec: spec.n_features > 3, "model.n_features above 3"),
            ),
        )
    },
    figures={"interference": Figure(f"{__name__}.figure", table="interference")},
)
