"""A penalty on hidden activations: how many features stay in superposition."""

from superposition_jax.experiments.declare import Experiment, Figure, Table, Variable

EXPERIMENT = Experiment(
    tables={
        "superposed": Table(
            f"{__name__}.table",
            variables={"superposed": Variable("number of represented features with Σ_{j≠i} (Ŵ_i·W_j)² > ½")},
        )
    },
    figures={"superposed": Figure(f"{__name__}.figure", table="superposed")},
)
