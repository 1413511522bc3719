"""TODO demonstration."""
