"""TODO overview."""
