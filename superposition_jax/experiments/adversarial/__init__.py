"""Superposition and adversarial examples: how much an attack costs, against what it costs a model without superposition."""

from superposition_jax.experiments.declare import Experiment, Figure, Table, Variable, measures

EXPERIMENT = Experiment(
    tables={
        "vulnerability": Table(
            f"{__name__}.table",
            variables={
                "vulnerability": Variable("(L' − L)/(λ² max I_i): cost of the attack over that without superposition"),
            },
            needs=(measures("attacked_loss", "attack_radius"),),
        )
    },
    figures={
        "vulnerability": Figure(f"{__name__}.figure", table="vulnerability"),
        "vulnerability_by_packing": Figure(f"{__name__}.figure", table="vulnerability"),
    },
)
