"""False activations before and after activation and bias, inputs that look alike, and what interference costs."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.interference import ALIKE, numeric, table
from superposition_jax.results import labels, select

_STAGES = {"raw": "Wᵢ·Wⱼxⱼ summed", "activated": "through f", "biased": "with b, through f"}
_LABELS = "mean square, 2 others on", "loss, sum over features", f"other explanations, to {ALIKE}"


def interference(dataset: xr.Dataset) -> Figure:
    """Above: distribution of what a feature that is off receives from one, two, three others, before and after bias and
    activation. Below: its mean square at three stages, the cost of interference, and other explanations of an activation. Means
    over seeds with standard errors. Elhage et al. 2022, "Mathematical Understanding".
    """
    across, seed = select.across(dataset), select.seed_dim(dataset)
    model = along.at_first(dataset, across)
    mean = model if seed is None else model.mean(seed)
    figure, grid = layout.panels(3, 3, (2.6, 1.9), gap=(0.85, (0.6, 0.65)), margin=(0.85, 2.0, 0.65, 0.6))
    _distributions(grid[0], mean, across, "raw", "z = Σⱼ Wᵢ·Wⱼ xⱼ")
    _distributions(grid[1], mean, across, "biased", "f(z + bᵢ)")
    for axes, k in zip(grid[0], model["others"].values, strict=True):
        axes.set_title(f"{k} other{'s' if k > 1 else ''} on", fontsize=9)
    x, *_ = (layout.set_scale(axes, dataset, across) for axes in grid[2])
    squares = {words: model["false_square"].sel(others=2, stage=stage) for stage, words in _STAGES.items()}
    costs = {"loss": model["loss"]} | {
        words: part.where(average > numeric.SMALL * mean["loss"])
        for (words, part), average in zip(table.parts(model).items(), table.parts(mean).values(), strict=True)
    }
    counts = {f"{k} on": model["alternatives"].sel(others=k) for k in dataset["others"].values}
    for axes, lines, label in zip(grid[2], (squares, costs, counts), _LABELS, strict=True):
        for number, (words, values) in enumerate(lines.items()):
            colour = layout.COLOURS([0.0, 0.5, 0.85, 0.25][number])
            look = {"color": colour, "marker": layout.marker(number), "ms": 4, "capsize": 2}
            along.draw_means(axes, x, values, seed, label=words, **look)
        axes.set_ylabel(label)
    if across is not None and (p := labels.values(dataset, across)).name == "density":
        rare = table.rare_interference(mean, p, dataset.sizes["feature"])
        grid[2, 1].plot(x, rare.where(rare > 0), "k:", label="…a single feature on", lw=1)
    layout.set_log(grid[2, 1].yaxis, model["loss"].values)
    for axes, least in zip(grid[2], (0, 1e-4 * layout.extent(model["loss"])[0], 0), strict=True):
        axes.set_ylim(least, None)
        axes.legend(fontsize=7, frameon=False)
    bars = "mean and standard error of " if seed is not None else ""
    return layout.set_title(figure, dataset, f"{bars}{layout.seeds_note(dataset)}{along.fixed(dataset, across)}", size=10)


def _distributions(row, mean: xr.Dataset, across: str | None, stage: str, words: str) -> None:
    """A panel for each number of others, a line for the first, a middle and the last value of an axis."""
    count = 1 if across is None else mean.sizes[across]
    places = np.unique(np.linspace(0, count - 1, min(3, count)).round().astype(int))
    centre = mean["activation_value"].values
    for axes, k in zip(row, mean["others"].values, strict=True):
        for number, place in enumerate(places):
            density = mean["false_density"].sel(others=k, stage=stage).isel({} if across is None else {across: place})
            look = {"color": layout.colour(number, len(places)), "lw": 1.2}
            look["label"] = None if across is None else labels.label(mean, across, place)
            axes.step(centre, np.maximum(density, 1e-3), where="mid", **look)
        axes.set(yscale="log", xlabel=words, ylim=(1e-2, None), xlim=(centre[0], centre[-1]))
        axes.axvline(0, color="0.6", lw=0.6)
    row[0].set_ylabel("probability density\nwhere feature i is off")
    if across is not None and stage == "raw":
        row[-1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
