"""Superposition and adversarial examples: the cost of an attack, relative to its cost for a model without superposition."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import measured

_MEANING = "(L' − L)/(λ² max I_i): what the attack adds to the loss, over what it adds for a model without superposition"
_ATTACKED = measured("attacked_loss", "attack_radius")

EXPERIMENT = Declared(
    tables={"vulnerability": Table(f"{__name__}.table", {"vulnerability": Variable(_MEANING)}, (_ATTACKED,))},
    figures={
        "vulnerability": Figure(f"{__name__}.figure", table="vulnerability"),
        "vulnerability_by_packing": Figure(f"{__name__}.figure", table="vulnerability"),
    },
)
