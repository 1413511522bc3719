"""Correlated and anticorrelated features: how features of one set lie to one another, and to those of other sets."""

from superposition_jax.experiments.declare import IN_SETS, TIED, Experiment, Table, Variable

EXPERIMENT = Experiment(
    tables={
        "partners": Table(
            f"{__name__}.table",
            variables={
                "within": Variable("mean of Ŵ_i·Ŵ_j over represented pairs of one set"),
                "within_square": Variable("mean of (Ŵ_i·Ŵ_j)² over represented pairs of one set"),
                "across_square": Variable("mean of (Ŵ_i·Ŵ_j)² over represented pairs of different sets"),
            },
            needs=(TIED, IN_SETS),
        )
    },
)
