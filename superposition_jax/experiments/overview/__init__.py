"""Figures of any sweep: measures along its longest axis, loss curves, and directions of features."""

from superposition_jax.experiments.declare import Declared, Figure

EXPERIMENT = Declared(figures={name: Figure(f"{__name__}.figure") for name in ("summary", "loss_curves", "directions")})
