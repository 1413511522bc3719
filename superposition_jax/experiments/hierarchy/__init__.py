"""TODO hierarchy."""
