"""TODO solids."""
