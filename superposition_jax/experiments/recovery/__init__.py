"""Compressed sensing: recovery of x from h = Wx by the model's ReLU layer and by other decoders that know W."""

from superposition_jax.experiments import needs
from superposition_jax.experiments.declare import Declared, Figure, Table, Variable

STREAM = 6
"""The stream of random numbers for measurements, see `Declared`."""

_ERROR = Variable("E‖x − x'‖² / Σ_i Var x_i with x' recovered from Wx", ("recovery_matrix", "recovery_decoder"))
_NEEDS = (
    *(needs.TIED, needs.LINEAR_HIDDEN, needs.is_one_of("activation", "model.activation", "relu")),
    *(needs.RECONSTRUCTION, needs.INDEPENDENT, needs.NOT_NEGATIVE),
    needs.every_model(lambda spec: spec.n_features <= 256, "model.n_features up to 256"),
)

EXPERIMENT = Declared(
    tables={"recovery": Table(f"{__name__}.table", {"recovery_error": _ERROR}, _NEEDS)},
    figures={"recovery": Figure(f"{__name__}.figure", table="recovery", needs=(needs.DENSITY_AXIS,))},
    stream=STREAM,
)
