"""TODO crossing."""
