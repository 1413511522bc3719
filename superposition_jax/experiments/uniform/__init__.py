"""Uniform superposition: dimensions per feature against sparsity, and the dimensionality of every feature."""

from superposition_jax.experiments.declare import DENSITY_AXIS, Experiment, Figure, Table, Variable

NEAR = 0.03
"""Distance of D* from a plateau's level up to which a model is on it."""

EXPERIMENT = Experiment(
    tables={
        "plateaus": Table(
            f"{__name__}.table",
            variables={
                "plateau": Variable(
                    f"1 or ½, whichever D* is within {NEAR} of, NaN where it is of neither", nan="D* is on neither plateau"
                )
            },
        )
    },
    figures={
        "uniform": Figure(f"{__name__}.figure", needs=(DENSITY_AXIS,)),
        "dimensionality": Figure(f"{__name__}.figure", needs=(DENSITY_AXIS,)),
    },
)
