"""Whether features spread evenly over the hidden space, as a tight frame does."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import TIED

_POTENTIAL = Variable("m·‖WWᵀ‖²/‖W‖⁴, Frobenius norms: 1 for a tight frame, m where all W_i are on a line")

EXPERIMENT = Declared(
    tables={"frames": Table(f"{__name__}.table", {"frame_potential": _POTENTIAL}, needs=(TIED,))},
    figures={"frames": Figure(f"{__name__}.figure", table="frames")},
)
