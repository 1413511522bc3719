"""Uniform superposition: dimensions per feature against sparsity, and the dimensionality of every feature."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import DENSITY_AXIS

NEAR = 0.03
"""Largest distance of D* from a plateau at which a model is on it."""

_VARIABLES = {"plateau": Variable(f"1 or ½, where D* is within {NEAR} of it", nan="D* is on neither plateau")}

EXPERIMENT = Declared(
    tables={"plateaus": Table(f"{__name__}.table", _VARIABLES)},
    figures={name: Figure(f"{__name__}.figure", needs=(DENSITY_AXIS,)) for name in ("uniform", "dimensionality")},
)
