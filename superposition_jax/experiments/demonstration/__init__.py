"""The paper's demonstration: which features a model represents at which sparsity, beside the linear model."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import RECONSTRUCTION, TIED

_VARIABLES = {
    "principal": Variable("whether exactly the m features of greatest I_i·Var x_i are represented, as in the linear model"),
    "loss_over_linear": Variable("loss over the least loss of the linear model"),
}

EXPERIMENT = Declared(
    tables={"demonstration": Table(f"{__name__}.table", _VARIABLES, (TIED, RECONSTRUCTION))},
    figures={"demonstration": Figure(f"{__name__}.figure")},
)
