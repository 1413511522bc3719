"""Closed forms, bounds and optima within an arrangement, which trained models are compared with. No data are drawn here."""

from superposition_jax.theory.losses import linear_loss, moments, one_active_loss, polygon, ramp_error, variance

__all__ = ["linear_loss", "moments", "one_active_loss", "polygon", "ramp_error", "variance"]
