"""A large sparse network simulated in the few dimensions of a toy model."""

from superposition_jax.experiments.declare import NOT_NEGATIVE, RECONSTRUCTION, Experiment, Figure, Table, Variable

_ERROR = "E‖y − ŷ‖²/E‖y − E y‖² of a large network"

STREAM = 4
"""Number of this folder's stream of random numbers."""

EXPERIMENT = Experiment(
    tables={
        "simulation": Table(
            f"{__name__}.table",
            variables={
                "simulation_error": Variable(f"{_ERROR} whose neurons' activations go through the model"),
                "simulation_independent": Variable("the same for activations drawn as in training: independent, of the law"),
                "simulation_dedicated": Variable("the same where m neurons are kept as they are and the others are their mean"),
                "simulation_linear": Variable("the same for the best linear code of m numbers"),
                "simulation_density": Variable("mean share of inputs for which a neuron of the large network is active"),
            },
            needs=(RECONSTRUCTION, NOT_NEGATIVE),
        )
    },
    figures={"simulation": Figure(f"{__name__}.figure", table="simulation")},
    stream=STREAM,
)
