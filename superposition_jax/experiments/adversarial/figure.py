"""What attacks cost, beside features per dimension and for attacks of several lengths."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from superposition_jax.experiments import along, layout
from superposition_jax.results import labels, select

_VULNERABILITY = "vulnerability (L′ − L) / (L′₀ − L₀)"
_PACKED = "features per dimension ‖W‖² / m"
_GAIN = "gain max ‖x′(x + δ) − x′(x)‖² / λ²"
_SMALL = 0.01
"""Vulnerability up to which nothing is left to compare."""
_SEARCH: dict[str, Any] = {"linestyle": "-"}
_ROW: dict[str, Any] = {"linestyle": "--", "markerfacecolor": "white"}


def vulnerability(dataset: xr.Dataset) -> Figure:
    """Vulnerability by both attacks, features per dimension, and the loss with and without attack, along the first axis.

    Medians and ranges of the seeds. Elhage et al. 2022, "Relationship to Adversarial Robustness".
    """
    across, seed = next(iter(select.cell_dims(dataset)), None), select.seed_dim(dataset)
    searched, rows = dataset["vulnerability_searched"], dataset["vulnerability"]
    attacked = dataset["loss"] + searched * dataset["attack_radius"] ** 2 * dataset["feature_importance"].max("feature")
    panels = [
        (_VULNERABILITY, {"worst attack found": searched, "worst row of WᵀW": rows}),
        (_PACKED, {"": 1 / dataset["dims_per_feature"]}),
        ("loss", {"L′, worst attack found": attacked, "L, no attack": dataset["loss"]}),
    ]
    several = len(list(along.lines(dataset, across))) > 1
    figure, (row,) = layout.panels(1, 3, (2.9, 2.7), gap=(0.8, (0.0,)), margin=(0.75, 2.0 if several else 0.3, 0.6, 0.75))
    for axes, (label, curves) in zip(row, panels, strict=True):
        x = layout.set_scale(axes, dataset, across)
        for number, (name, place, colour) in enumerate(along.lines(dataset, across)):
            for values, style in zip(curves.values(), (_SEARCH, _ROW), strict=False):
                look: dict[str, Any] = {"color": colour, "marker": layout.marker(number), "ms": 4.5, **style}
                along.draw_range(axes, x, values.isel(place), seed, **look, label=name if style is _SEARCH else None)
        styles = [Line2D([], [], color="0.3", marker="o", ms=4.5, **style) for style in (_SEARCH, _ROW)]
        axes.set_ylabel(label)
        if len(curves) > 1:
            axes.legend(styles, curves, frameon=False, fontsize=8, handlelength=3.2)
        if label == "loss":
            layout.set_log(axes.yaxis, np.append(attacked.values, dataset["loss"].values))
        else:
            axes.set_ylim(0, None)
    if several:
        layout.legend(figure)
    low, high = layout.extent(100 * (along.spread(searched / rows.where(rows > _SMALL), seed)[0] - 1))
    note = f"median and range of {layout.seeds_note(dataset)}{along.fixed(dataset, across, along.longest(dataset, across))}"
    most = layout.extent(along.spread(searched, seed)[0])[1]
    least = f"{low:.0f} to {high:.0f} % more than along rows of WᵀW"
    title = f"attacks cost up to {most:.0f} times as much as without superposition, {least}"
    return layout.set_title(figure, dataset, f"{title};\n{note}")


def vulnerability_by_scale(dataset: xr.Dataset) -> Figure:
    """Vulnerability and gain for attacks of several lengths, and features per dimension, along the first axis.

    The error of a clean input adds to an attack's cost in first order, so that vulnerability rises as 1/λ for short attacks.
    """
    across, seed = next(iter(select.cell_dims(dataset)), None), select.seed_dim(dataset)
    model = along.at_first(dataset, across)
    figure, (row,) = layout.panels(1, 2, (3.2, 2.9), gap=(0.8, (0.0,)), margin=(0.75, 2.3, 0.6, 0.75))
    ratios = []
    for axes, (name, label) in zip(row, (("vulnerability_by_scale", _VULNERABILITY), ("gain_by_scale", _GAIN)), strict=True):
        x, values = layout.set_scale(axes, model, across), model[name]
        for number, scale in enumerate(model["attack_scale"].values):
            colour = layout.colour(number, model.sizes["attack_scale"])
            look: dict[str, Any] = {
                "color": colour,
                "marker": layout.marker(number),
                "ms": 4.5,
                "label": f"λ = {scale:g} attack_radius",
            }
            along.draw_range(axes, x, values.isel(attack_scale=number), seed, **look)
        along.draw_range(axes, x, 1 / model["dims_per_feature"], seed, ":", color="0.2", lw=1.5, label="features per dimension")
        middle = values if seed is None else values.median(seed)
        ratios.append(layout.extent(middle.max("attack_scale") / middle.min("attack_scale"))[1])
        axes.set_ylabel(label)
        layout.set_log(axes.yaxis, np.append(values.values, 1))
    layout.legend(figure)
    note = f"median and range of {layout.seeds_note(dataset)}{along.fixed(dataset, across)}"
    title = f"with the attack's length vulnerability changes up to {ratios[0]:.0f}-fold, the gain {ratios[1]:.1f}-fold;\n{note}"
    return layout.set_title(figure, dataset, title)


def vulnerability_by_packing(dataset: xr.Dataset) -> Figure:
    """Vulnerability and gain against features per dimension: seeds as dots, medians of cells joined along the first axis."""
    dim, seed = next(iter(select.cell_dims(dataset)), None), select.seed_dim(dataset)
    packed = 1 / dataset["dims_per_feature"]
    curves = {"vulnerability": dataset["vulnerability_searched"], "gain": dataset["gain_by_scale"].sel(attack_scale=1.0)}
    figure, ((axes,),) = layout.panels(1, 1, (4.2, 3.4), margin=(0.75, 2.6, 0.6, 0.75))
    for number, (name, place, colour) in enumerate(along.lines(dataset, dim)):
        for place_of, (words, values) in enumerate(curves.items()):
            x, y = packed.isel(place), values.isel(place)
            axes.plot(x.values.ravel(), y.values.ravel(), ".", ms=3, color=colour, alpha=0.4)
            look = {"color": colour, "marker": layout.marker(2 * number + place_of), "ms": 5, **(_ROW if place_of else _SEARCH)}
            middle = (x, y) if seed is None else (x.median(seed), y.median(seed))
            axes.plot(*(np.atleast_1d(values).ravel() for values in middle), label=", ".join(filter(None, (words, name))), **look)
    ends = [1.0, max(1.0, layout.extent(packed)[1])]
    axes.plot(ends, ends, ":", color="0.3", label="features per dimension")
    axes.set(xlabel=_PACKED, ylabel="cost of the worst attack found", xlim=(0, None), ylim=(0, None))
    layout.legend(figure)
    ratio = layout.extent(curves["gain"] * dataset["dims_per_feature"])
    joined = "" if dim is None else f", joined along {labels.label(dataset, dim)}"
    title = f"gain is {ratio[0]:.1f} to {ratio[1]:.1f} times features per dimension"
    return layout.set_title(figure, dataset, f"{title};\n{layout.seeds_note(dataset)} (dots), medians{joined}", size=10)
