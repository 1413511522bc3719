"""A small network that simulates a larger one: errors beside those without superposition."""

from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.results import select

_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "simulation_error": ("simulated in superposition", {"color": "#0072b2", "marker": "o", "lw": 1.8}),
    "simulation_independent": ("… neurons as in training", {"color": "#56b4e9", "marker": "o", "ls": "--", "mfc": "none"}),
    "simulation_dedicated": ("m neurons, no superposition", {"color": "#d55e00", "marker": "s"}),
    "simulation_linear": ("best linear code", {"color": "black", "marker": "^", "ls": ":"}),
}


def simulation(dataset: xr.Dataset) -> Figure:
    """Error against the density (or else the longest axis), a panel for each value of the longest other axis, means over seeds.

    Elhage et al. 2022: a small network noisily simulates a larger, highly sparse one.
    """
    across = select.across(dataset)
    columns, fixed_at = along.columns(dataset, across)
    figure, grid = layout.panels(1, len(columns), (2.1, 2.4), gap=(0.15, (0.0,)), margin=(0.8, 2.5, 0.6, 0.65))
    errors = dataset[list(_LINES)].to_array()
    least = float(errors.where(errors > 1e-6).min())  # they are 0 where no neuron is left out
    for axes, (title, cell) in zip(grid[0], columns, strict=True):
        x = layout.set_scale(axes, cell, across)
        for name, (label, style) in _LINES.items():
            along.draw_means(axes, x, cell[name], select.seed_dim(cell), label=label, ms=4, **style)
        layout.set_log(axes.yaxis, errors.values)
        axes.axhline(1, color="0.8", lw=0.8, zorder=0)
        axes.tick_params(labelsize=8)
        axes.set(ylim=(0.8 * least, 1.5), ylabel="error of the outputs, E‖y − ŷ‖² / Var y")
        axes.set_title(title, fontsize=9)
    layout.share_labels(grid)
    layout.legend(figure)
    n, m = layout.sizes(dataset)
    note = f"{n} neurons in m = {m} dimensions, mean and standard error, {layout.seeds_note(dataset)}{fixed_at}"
    return layout.set_title(figure, dataset, note, size=10)
