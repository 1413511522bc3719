"""Solids that features form: components of the graph of their interference."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import TIED

_COMPONENT = "number of the feature's component in the graph |Ŵ_i·Ŵ_j| > 0.2, largest first; −1 if not represented"
_VARIABLES = {
    "component": Variable(_COMPONENT, ("feature",)),
    "component_features": Variable("number of features in the feature's component", ("feature",)),
    "component_points": Variable("number of directions in which the component's features lie", ("feature",)),
    "component_dimension": Variable("number of dimensions that the feature's component spans", ("feature",)),
    "solid_features": Variable("number of represented features in solids of each kind", ("solid",)),
}

EXPERIMENT = Declared(
    tables={"solids": Table(f"{__name__}.table", variables=_VARIABLES, needs=(TIED,))},
    figures={"solids": Figure(f"{__name__}.figure", table="solids")},
)
