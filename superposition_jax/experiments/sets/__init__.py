"""Correlated and anticorrelated features: cosines between features of one set, and between features of different sets."""

from superposition_jax.experiments.declare import Declared, Table, Variable
from superposition_jax.experiments.needs import IN_SETS, TIED

_NO_PAIR = "no two such features are represented"

_VARIABLES = {
    "within": Variable("mean of Ŵ_i·Ŵ_j over represented pairs of one set", nan=_NO_PAIR),
    "within_square": Variable("mean of (Ŵ_i·Ŵ_j)² over represented pairs of one set", nan=_NO_PAIR),
    "across_square": Variable("mean of (Ŵ_i·Ŵ_j)² over represented pairs of different sets", nan=_NO_PAIR),
}

EXPERIMENT = Declared(tables={"partners": Table(f"{__name__}.table", _VARIABLES, (TIED, IN_SETS))})
