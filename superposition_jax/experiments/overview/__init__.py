"""Figures of any sweep: measures along its longest axis, loss curves, and directions of features."""

from superposition_jax.experiments.declare import Declared, Figure

EXPERIMENT = Declared(
    figures={
        "summary": Figure(f"{__name__}.summary"),
        "loss_curves": Figure(f"{__name__}.summary"),
        "directions": Figure(f"{__name__}.directions"),
    }
)
