"""Figures for any sweep: measures along its longest axis, loss curves, and feature directions W_i as arrows."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, components, layout
from superposition_jax.results import labels, select

_PANELS = {
    "loss_relative": along.LOSS,
    "represented": along.REPRESENTED,
    "dims_per_feature": ("D* = m / ‖W‖²", False),
    "dead_outputs": ("dead outputs", False),
}


def summary(dataset: xr.Dataset) -> Figure:
    """Four measures along the longest axis: median over seeds with the whole range as a band."""
    return along.measures_along(dataset, _PANELS, along.longest(dataset))


def loss_curves(dataset: xr.Dataset) -> Figure:
    """Training loss against step, median over seeds with the whole range as a band, one line a value of the longest axis."""
    seed = select.seed_dim(dataset)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.8, 1.9, 0.6, 0.5))
    for label, place, colour in along.lines(dataset, None):
        curve = dataset["loss_curve"].isel(place).dropna("step", how="all")  # runs of another length have points at other steps
        along.draw_range(axes, curve["step"].values, curve, seed, color=colour, label=label)
    axes.set(xlabel="step", ylabel="training loss, sum over features")
    layout.set_log(axes.xaxis, dataset["step"].values)
    layout.set_log(axes.yaxis, dataset["loss_curve"].values)
    layout.legend(figure)
    fixed_at = along.fixed(dataset, along.longest(dataset))
    return layout.set_title(figure, dataset, f"median and range of {layout.seeds_note(dataset)}{fixed_at}")


def directions(dataset: xr.Dataset) -> Figure:
    """A panel a cell, 36 at most, of its best seed: arrows W_i, coloured and marked by feature; the circle has norm 1.

    In the plane for two hidden dimensions, else in three. Elhage et al. 2022, introduction and "Learning dynamics".
    """
    places = [place for place, _ in select.cells(dataset)]
    best, m = select.best_seed(dataset), dataset.sizes["hidden"]
    columns = min(6, len(places))
    rows = min(6, -(-len(places) // columns))
    margin, projection = (0.3, 1.2, 0.25, 1.05), "3d" if m > 2 else None
    figure, grid = layout.panels(rows, columns, (1.9, 1.9), gap=(0.25, (0.75,)), margin=margin, projection=projection)
    for axes in grid.ravel()[len(places) :]:
        axes.remove()
    for axes, place in zip(grid.ravel(), places, strict=False):
        model = best.isel(place)
        _arrows(axes, model)
        lines = [labels.label(dataset, dim, k) for dim, k in place.items()] + [f"loss {float(model['loss']):.3g}"]
        axes.set_title("\n".join([*lines, *([components.arrangement(model)] if "component" in dataset else [])]), fontsize=8)
    handles, words = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="center right", title="feature i", fontsize=8, frameon=False)
    space = "" if m <= 3 else f", first 3 of {m} principal directions"
    return layout.set_title(figure, dataset, f"columns Wᵢ, best of {layout.seeds_note(dataset)}{space}")


def _arrows(axes, model: xr.Dataset) -> None:
    w = layout.in_space(select.directions(model).fillna(0.0).values, 2)
    turn, zero = np.linspace(0, 2 * np.pi, 100), [np.zeros(100)] * (w.shape[0] - 2)
    axes.plot(np.cos(turn), np.sin(turn), *zero, color="0.7", lw=0.7, ls=":")
    for i, column in enumerate(w.T):
        look = {"color": layout.colour(i, w.shape[1]), "marker": layout.marker(i), "markevery": [1], "ms": 5, "lw": 1.5}
        axes.plot(*([0, end] for end in column), label=str(i), **look)
    layout.set_cube(axes, max(1.1, 1.1 * float(np.linalg.norm(w, axis=0).max())))
    if w.shape[0] == 2:
        axes.set_aspect("equal")
