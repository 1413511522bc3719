"""Figures: one function Dataset → matplotlib Figure (or Animation) each, by the name under which a sweep asks for it."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superposition_jax.files import whole
from superposition_jax.results import status

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.animation import Animation
    from matplotlib.figure import Figure

FIGURES: dict[str, "str | Callable[[xr.Dataset], Figure | Animation]"] = {
    "demonstration": "demonstration.figure",
    "summary": "overview.summary",
    "loss_curves": "overview.summary",
    "phase": "phase.figure",
    "directions": "overview.directions",
    "uniform": "uniform.figure",
    "dimensionality": "uniform.figure",
    "crossing": "crossing.figure",
    "solids": "solids.figure",
    "dynamics": "learning.dynamics",
    "trajectories": "learning.trajectories",
    "film": "learning.trajectories",
    "neurons": "neurons.figure",
    "circuit": "neurons.circuit",
    "superposed": "overview.summary",
    "vulnerability": "adversarial.figure",
    "vulnerability_by_packing": "adversarial.figure",
    "dictionary": "autoencoder.figure",
    "dictionary_count": "autoencoder.figure",
    "simulation": "simulation.figure",
    "hierarchy": "hierarchy.figure",
    "bases": "hierarchy.figure",
    "interference": "interference.figure",
    "packing": "packing.figure",
    "coherence": "packing.figure",
    "recovery": "recovery.figure",
}
"""Functions by name: the function, or the module of this package that holds it, which is imported when drawn, since matplotlib
is slow to start."""

NEEDS: dict[str, dict[str, Any]] = {
    "phase": {"tables": "phase"},
    "uniform": {"axis": "data.density"},
    "dimensionality": {"axis": "data.density"},
    "crossing": {"tables": "crossing"},
    "solids": {"tables": "solids"},
    "dynamics": {"snapshots": True},
    "trajectories": {"snapshots": True},
    "film": {"snapshots": True},
    "neurons": {"tables": "neurons"},
    "circuit": {"tables": "asymmetry"},
    "superposed": {"tables": "superposed"},
    "vulnerability": {"tables": "vulnerability"},
    "vulnerability_by_packing": {"tables": "vulnerability"},
    "dictionary": {"tables": "dictionary"},
    "dictionary_count": {"tables": "dictionary"},
    "simulation": {"tables": "simulation"},
    "hierarchy": {"tables": "hierarchy"},
    "bases": {"tables": "hierarchy"},
    "interference": {"tables": "interference"},
    "packing": {"tables": "packing"},
    "coherence": {"tables": "packing"},
    "recovery": {"tables": "recovery", "axis": "data.density"},
}
"""What figures cannot do without: a table, an axis, snapshots of training."""


def draw(name: str, dataset: "xr.Dataset") -> "Figure | Animation":
    """The figure of that name."""
    entry = FIGURES[name]
    function = getattr(import_module(f"superposition_jax.experiments.{entry}"), name) if isinstance(entry, str) else entry
    drawn, diverged = function(status.without_diverged(dataset)), status.diverged(dataset)
    figure: Any = getattr(drawn, "_fig", drawn)  # of an animation
    if diverged:
        note = f"{diverged:,} of {dataset['status'].size:,} models diverged (hatched or not drawn)"
        figure.text(0.998, 0.003, note, fontsize=7, color="#a02020", ha="right", va="bottom")
    return drawn


def save(dataset: "xr.Dataset", names: Sequence[str], folder: Path) -> list[Path]:
    """Draw figures by name into `folder`, as PNG, or GIF where they move; returns the files: none where every model diverged."""
    if not (dataset["status"] == 1).any():
        return []
    if names:
        folder.mkdir(parents=True, exist_ok=True)
    return [_save(draw(name, dataset), folder / name) for name in names]


def _save(drawn: "Figure | Animation", stem: Path) -> Path:
    from matplotlib.figure import Figure

    if isinstance(drawn, Figure):
        return whole(stem.with_suffix(".png"), lambda path: drawn.savefig(path, dpi=150, format="png"))

    def film(path: Path) -> None:  # whose format its name must tell
        drawn.save(path.with_suffix(".gif"), writer="pillow", dpi=80)
        path.with_suffix(".gif").replace(path)

    return whole(stem.with_suffix(".gif"), film)
