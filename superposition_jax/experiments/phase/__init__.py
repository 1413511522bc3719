"""TODO phase."""
