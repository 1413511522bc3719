"""Superposition and adversarial examples: the cost of an attack, relative to its cost for a model without superposition."""

from superposition_jax.experiments.declare import Experiment, Figure, Table, Variable
from superposition_jax.experiments.needs import measured

EXPERIMENT = Experiment(
    tables={
        "vulnerability": Table(
            f"{__name__}.table",
            variables={
                "vulnerability": Variable(
                    "(L' − L)/(λ² max I_i): what the attack adds to the loss, over what it adds for a model without superposition"
                ),
            },
            needs=(measured("attacked_loss", "attack_radius"),),
        )
    },
    figures={
        "vulnerability": Figure(f"{__name__}.figure", table="vulnerability"),
        "vulnerability_by_packing": Figure(f"{__name__}.figure", table="vulnerability"),
    },
)
