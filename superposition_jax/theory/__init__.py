"""Closed forms and bounds that trained models are held against. Nothing here trains."""

from superposition_jax.theory.losses import (
    Real,
    best_polygon,
    constant_loss,
    empty_loss,
    linear_loss,
    moments,
    one_active_loss,
    polygon,
    ramp_error,
    sparse_loss,
    variance,
)

__all__ = [
    "Real",
    "best_polygon",
    "constant_loss",
    "empty_loss",
    "linear_loss",
    "moments",
    "one_active_loss",
    "polygon",
    "ramp_error",
    "sparse_loss",
    "variance",
]
