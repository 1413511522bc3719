"""TODO adversarial."""
