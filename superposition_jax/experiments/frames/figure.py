"""The frame potential along the longest axis, between those of a tight frame and of random directions."""

import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.frames.table import of_random_directions
from superposition_jax.results import select


def frames(dataset: xr.Dataset) -> Figure:
    """Median and range of the seeds, and what as many random directions have on average; a tight frame has 1."""
    across, seed = along.longest(dataset), select.seed_dim(dataset)
    model = along.at_first(dataset, across)
    random = model["represented"].copy(data=of_random_directions(model["represented"].values, model.sizes["hidden"]))
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.75, 2.2, 0.6, 0.75))
    x = layout.set_scale(axes, model, across)
    along.draw_range(axes, x, random, seed, "s--", color="0.45", ms=4, label="random directions")
    along.draw_range(axes, x, model["frame_potential"], seed, "o-", color=layout.COLOURS(0.3), ms=4, label="trained features")
    axes.axhline(1, color="black", lw=0.8, ls=":", label="tight frame")
    axes.set(ylabel="frame potential m·‖WWᵀ‖²/‖W‖⁴", ylim=(0.95, 1.05 * layout.extent(random)[1]))
    layout.legend(figure)
    ends = (layout.extent(100 * along.spread(values, seed)[0] - 100) for values in (model["frame_potential"], random))
    trained, other = (f"{low:.1f}–{high:.1f} %" for low, high in ends)
    note = f"trained features are {trained} above a tight frame, random directions {other};\n"
    note += f"median and range of {layout.seeds_note(dataset)}{along.fixed(dataset, across)}"
    return layout.set_title(figure, dataset, note, size=10)
