"""TODO uniform."""
