"""TODO penalty."""
