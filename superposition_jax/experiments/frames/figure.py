"""The frame potential along the longest axis, between those of a tight frame and of random directions."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.frames.table import of_random_directions
from superposition_jax.results import select


def frames(dataset: xr.Dataset) -> Figure:
    """Median and range of the seeds, and what as many random directions have on average; a tight frame has 1."""
    across, seed = along.longest(dataset), select.seed_dim(dataset)
    model = along.at_first(dataset, across)
    random = xr.apply_ufunc(of_random_directions, model["represented"], along.hidden(model))
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.75, 2.2, 0.6, 0.75))
    x = layout.set_scale(axes, model, across)
    along.draw_range(axes, x, random, seed, "s--", color="0.45", ms=4, label="random directions")
    along.draw_range(axes, x, model["frame_potential"], seed, "o-", color=layout.COLOURS(0.3), ms=4, label="trained features")
    axes.axhline(1, color="black", lw=0.8, ls=":", label="tight frame")
    axes.set(ylabel="frame potential m·‖WWᵀ‖²/‖W‖⁴", ylim=(0.95, 1.05 * layout.extent(random)[1]))
    layout.legend(figure)
    excess = {"trained features": _excess(model["frame_potential"], seed), "random directions": _excess(random, seed)}
    words = ", ".join(f"{name} {percent}" for name, percent in excess.items() if percent)
    note = f"median and range of {layout.seeds_note(dataset)}{along.fixed(dataset, across)}"
    return layout.set_title(figure, dataset, f"above a tight frame: {words};\n{note}" if words else note, size=10)


def _excess(potential: xr.DataArray, seed: str | None) -> str:
    """By how much medians of a frame potential exceed 1: `2.0–12.2 %`, `12.2 %` if all are equal, empty if none is finite."""
    if not np.isfinite(median := along.spread(potential, seed)[0]).any():
        return ""
    return "–".join(dict.fromkeys(f"{end:.1f}" for end in layout.extent(100 * median - 100))) + " %"
