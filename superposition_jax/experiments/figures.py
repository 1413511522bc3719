"""Figures: functions Dataset → matplotlib Figure or Animation, by the names under which a config asks for them."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superposition_jax.experiments import declare
from superposition_jax.experiments.registry import FIGURES
from superposition_jax.files import whole
from superposition_jax.results import netcdf, status

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.animation import Animation
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "draw", "save"]


def draw(name: str, dataset: "xr.Dataset") -> "Figure | Animation":
    """Draw a figure by its name. Models that diverged are left out or hatched, and counted in a corner."""
    entry = FIGURES[name]
    function = getattr(import_module(entry.module), name) if isinstance(entry, declare.Figure) else entry
    drawing, diverged = function(status.without_diverged(netcdf.updated(dataset))), status.diverged(dataset)
    figure: Any = getattr(drawing, "_fig", drawing)  # an Animation has its Figure there
    if diverged:
        note = f"{diverged:,} of {dataset['status'].size:,} models diverged (hatched or not drawn)"
        figure.text(0.998, 0.003, note, fontsize=7, color="#a02020", ha="right", va="bottom")
    return drawing


def save(dataset: "xr.Dataset", names: Sequence[str], folder: Path) -> list[Path]:
    """Draw figures into a folder and return the files: PNG, GIF for animations. None are drawn if every model diverged."""
    if not names or not (dataset["status"] == status.STATUS.index("ok")).any():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    return [_save(draw(name, dataset), folder / name) for name in names]


def _save(drawing: "Figure | Animation", stem: Path) -> Path:
    from matplotlib.figure import Figure

    if isinstance(drawing, Figure):
        return whole(stem.with_suffix(".png"), lambda path: drawing.savefig(path, dpi=150, format="png"))

    def film(path: Path) -> None:  # Matplotlib's writer takes the format from the file's name
        drawing.save(path.with_suffix(".gif"), writer="pillow", dpi=80)
        path.with_suffix(".gif").replace(path)

    return whole(stem.with_suffix(".gif"), film)
