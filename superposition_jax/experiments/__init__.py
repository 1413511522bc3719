"""Results of papers, a folder each: its table, its figure, its own numerics, and a declaration of what the folder offers."""

FOLDERS = (
    *("overview", "demonstration", "phase", "uniform", "solids", "crossing", "sets", "learning", "adversarial", "neurons"),
    *("penalty", "hierarchy", "interference", "packing", "recovery", "simulation", "autoencoder"),
)
"""Folders of this package whose `EXPERIMENT` says what they offer."""
