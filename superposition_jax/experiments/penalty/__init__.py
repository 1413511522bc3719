"""A penalty on hidden activations: how many features stay in superposition."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable

_SUPERPOSED = Variable("number of represented features with Σ_{j≠i} (Ŵ_i·W_j)² > ½")

EXPERIMENT = Declared(
    tables={"superposed": Table(f"{__name__}.table", {"superposed": _SUPERPOSED})},
    figures={"superposed": Figure(f"{__name__}.figure", table="superposed")},
)
