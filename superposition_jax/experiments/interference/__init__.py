"""TODO interference."""
