"""Superposition and adversarial examples: the cost of an attack, relative to its cost for a model without superposition."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import LINEAR_HIDDEN, TIED, measured

SCALES = 0.1, 1.0, 3.0
"""Lengths of attacks, relative to `attack_radius`."""
STREAM = 7
"""The stream of random numbers for inputs and starts of searches, see `Declared`."""

_COST = "(L' − L)/(λ² max I_i): what an attack of length λ adds to the loss, over what it adds without superposition"
_VARIABLES = {
    "vulnerability": Variable(f"{_COST}; along the worst row of WᵀW"),
    "vulnerability_searched": Variable("the same for the worst attack that projected gradient ascent finds"),
    "vulnerability_by_scale": Variable("vulnerability_searched for attacks of several lengths", ("attack_scale",)),
    "gain_by_scale": Variable("max_δ E Σ_i I_i (x'_i(x + δ) − x'_i(x))²/(λ² max I_i), ‖δ‖ ≤ λ, for several λ", ("attack_scale",)),
}

EXPERIMENT = Declared(
    tables={
        "vulnerability": Table(
            f"{__name__}.table",
            _VARIABLES,
            (measured("attack_radius"), TIED, LINEAR_HIDDEN),
            {"attack_scale": "length of the attack / attack_radius"},
        )
    },
    figures={
        name: Figure(f"{__name__}.figure", table="vulnerability")
        for name in ("vulnerability", "vulnerability_by_scale", "vulnerability_by_packing")
    },
    stream=STREAM,
)
