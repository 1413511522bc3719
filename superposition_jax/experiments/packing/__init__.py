"""TODO packing."""
