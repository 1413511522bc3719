"""A large sparse network simulated in the few dimensions of a toy model."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import NOT_NEGATIVE, RECONSTRUCTION

_ERROR = "relative error E‖y − ŷ‖²/E‖y − E y‖² of a large network's outputs"
STREAM = 4
"""The stream of random numbers for large networks, see `Declared`."""

_VARIABLES = {
    "simulation_error": Variable(f"{_ERROR}, its neurons' activations passed through the model"),
    "simulation_independent": Variable("the same for activations drawn as in training, independently from the law"),
    "simulation_dedicated": Variable("the same with the m most important neurons exact and the others at their mean"),
    "simulation_linear": Variable("the same with the best linear code of m numbers"),
    "simulation_density": Variable("share of inputs for which a neuron is active, mean over neurons"),
}

EXPERIMENT = Declared(
    tables={"simulation": Table(f"{__name__}.table", _VARIABLES, (RECONSTRUCTION, NOT_NEGATIVE))},
    figures={"simulation": Figure(f"{__name__}.figure", table="simulation")},
    stream=STREAM,
)
