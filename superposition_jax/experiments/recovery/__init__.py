"""Compressed sensing: recovery of x from h = Wx by the model's ReLU layer and by other decoders that know W."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import (
    DENSITY_AXIS,
    INDEPENDENT,
    LINEAR_HIDDEN,
    NOT_NEGATIVE,
    RECONSTRUCTION,
    TIED,
    every_model,
    is_one_of,
)

STREAM = 6
"""Number of this folder's stream of random numbers."""

_VARIABLES = {
    "recovery_error": Variable("E‖x − x'‖² / Σ_i Var x_i with x' recovered from Wx", ("recovery_matrix", "recovery_decoder"))
}

EXPERIMENT = Declared(
    tables={
        "recovery": Table(
            f"{__name__}.table",
            variables=_VARIABLES,
            needs=(
                *(TIED, LINEAR_HIDDEN, is_one_of("activation", "model.activation", "relu"), RECONSTRUCTION),
                *(INDEPENDENT, NOT_NEGATIVE),
                every_model(lambda spec: spec.n_features <= 256, "model.n_features up to 256"),
            ),
        )
    },
    figures={"recovery": Figure(f"{__name__}.figure", table="recovery", needs=(DENSITY_AXIS,))},
    stream=STREAM,
)
