"""Closed forms and bounds that trained models are compared with. Nothing here trains."""

from superposition_jax.theory.losses import linear_loss, moments, one_active_loss, polygon, ramp_error, variance

__all__ = ["linear_loss", "moments", "one_active_loss", "polygon", "ramp_error", "variance"]
