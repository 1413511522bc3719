"""A folder for each result: its table, its figure, its own numerics, and a declaration of what the folder offers."""

FOLDERS = (
    *("overview", "demonstration", "phase", "uniform", "solids", "crossing", "sets", "learning", "adversarial", "neurons"),
    *("penalty", "hierarchy", "interference", "packing", "frames", "recovery", "simulation", "autoencoder"),
)
"""The folders of this package; each declares what it offers in its `EXPERIMENT`."""
REACHED = 0.01
"""A seed reaches the best loss of its cell when its own exceeds that by at most this share."""
