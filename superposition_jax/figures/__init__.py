"""Figures: one function Dataset → matplotlib Figure each, by the name under which a sweep asks for it."""

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from superposition_jax.figures.demonstration import demonstration
from superposition_jax.figures.summary import loss_curves, summary

FIGURES = {"demonstration": demonstration, "summary": summary, "loss_curves": loss_curves}


def save(dataset: xr.Dataset, names: Sequence[str], folder: Path) -> list[Path]:
    """Draw figures by name into `folder`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in names]
    for name, path in zip(names, paths, strict=True):
        FIGURES[name](dataset).savefig(path, dpi=150)
    return paths
