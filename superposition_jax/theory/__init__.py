"""Closed forms and bounds that trained models are compared with. Nothing here trains."""

from superposition_jax.theory.losses import (
    Real,
    constant_loss,
    linear_loss,
    moments,
    one_active_loss,
    polygon,
    ramp_error,
    variance,
)

__all__ = ["Real", "constant_loss", "linear_loss", "moments", "one_active_loss", "polygon", "ramp_error", "variance"]
