"""False activations, what bias and activation leave of them, inputs that look alike, and the cost."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import layout
from superposition_jax.experiments.interference import ALIKE
from superposition_jax.experiments.interference.numeric import SMALL
from superposition_jax.experiments.interference.table import rare_interference
from superposition_jax.results import labels, select

_COLOURS = mpl.colormaps["cividis"]
_SHOWN = 3
_STAGES = {"raw": "Wᵢ·Wⱼxⱼ summed", "activated": "through f", "biased": "with b, through f"}
_COSTS = {"loss": "loss", "benefit_loss": "benefit term", "interference_loss": "interference term"}


def interference(dataset: xr.Dataset) -> Figure:
    """Above: distribution of what a feature that is off gets from one, two, three others, before and after bias and activation.
    Below: its mean square at three stages, the cost of interference, and other explanations of an activation. Mean over seeds and
    standard error; further axes stay at their first value. Elhage et al. 2022, "Mathematical Understanding".
    """
    along, seed = select.across(dataset), select.seed_dim(dataset)
    here = {dim: 0 for dim in select.cell_dims(dataset) if dim != along}
    model = dataset.isel(here)
    figure, grid = layout.panels(3, 3, (2.6, 1.9), gap=(0.85, (0.6, 0.65)), margin=(0.85, 2.0, 0.65, 0.6))
    _distributions(grid[0], model, along, seed, "raw", "z = Σⱼ Wᵢ·Wⱼ xⱼ")
    _distributions(grid[1], model, along, seed, "biased", "f(z + bᵢ)")
    for axes, k in zip(grid[0], model["others"].values, strict=True):
        axes.set_title(f"{k} other{'s' if k > 1 else ''} on", fontsize=9)
    x = layout.set_scale(grid[2, 0], dataset, along) if along is not None else np.zeros(1)
    for axes in grid[2, 1:]:
        if along is not None:
            layout.set_scale(axes, dataset, along)
    for number, (stage, words) in enumerate(_STAGES.items()):
        _line(grid[2, 0], x, model["false_square"].sel(others=2, stage=stage), seed, number, words)
    for number, (name, words) in enumerate(_COSTS.items()):
        mean = model[[name, "loss"]] if seed is None else model[[name, "loss"]].mean(seed)
        _line(grid[2, 1], x, model[name].where(mean[name] > SMALL * mean["loss"]), seed, number, words)
    if along is not None and (p := labels.values(dataset, along)).name == "density":
        rare = rare_interference(model, p, dataset.sizes["feature"])
        rare = rare if seed is None else rare.mean(seed)
        grid[2, 1].plot(x, rare.where(rare > 0), "k:", label="…a single feature on", lw=1)
    for number, k in enumerate(dataset["others"].values):
        _line(grid[2, 2], x, model["alternatives"].sel(others=k), seed, number, f"{k} on")
    for axes, words in zip(
        grid[2], ("mean square, 2 others on", "loss, sum over features", f"other explanations, to {ALIKE}"), strict=True
    ):
        axes.set_ylabel(words)
        axes.legend(fontsize=7, frameon=False)
    layout.set_log(grid[2, 1].yaxis, model["loss"].values)
    grid[2, 1].set_ylim(1e-2 * float(model["loss"].min()), None)
    grid[2, 0].set_ylim(0, None)
    grid[2, 2].set_ylim(0, None)
    held = ", ".join(labels.label(dataset, dim, k) for dim, k in here.items())
    bars = "mean and standard error of " if seed is not None else ""
    name = dataset.attrs.get("name", "")
    figure.suptitle(f"{name}{f' ({held})' if held else ''}: {bars}{layout.seeds_note(dataset)}", fontsize=10)
    return figure


def _distributions(row, model: xr.Dataset, along: str | None, seed: str | None, stage: str, words: str) -> None:
    """A panel for each number of others, a line for the first, a middle and the last place."""
    count = 1 if along is None else model.sizes[along]
    places = np.unique(np.linspace(0, count - 1, min(_SHOWN, count)).round().astype(int))
    centre = model["activation_value"].values
    for axes, k in zip(row, model["others"].values, strict=True):
        for number, place in enumerate(places):
            here = model if along is None else model.isel({along: place})
            density = here["false_density"].sel(others=k, stage=stage)
            middle = density if seed is None else density.mean(seed)
            colour = _COLOURS(0.9 * number / max(1, len(places) - 1))
            which = labels.label(model, along, place) if along is not None else None
            axes.step(centre, np.maximum(middle, 1e-3), where="mid", color=colour, label=which, lw=1.2)
        axes.set(yscale="log", xlabel=words, ylim=(1e-2, None), xlim=(centre[0], centre[-1]))
        axes.axvline(0, color="0.6", lw=0.6)
    row[0].set_ylabel("probability density\nwhere feature i is off")
    if along is not None and stage == "raw":
        row[-1].legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))


def _line(axes, x: np.ndarray, values: xr.DataArray, seed: str | None, number: int, words: str) -> None:
    """Mean with its standard error over seeds."""
    colour, marker = _COLOURS([0.0, 0.5, 0.85][number]), "osD"[number]
    middle, error = layout.mean_error(values, seed)
    axes.errorbar(x, np.atleast_1d(middle), error, color=colour, marker=marker, ms=4, capsize=2, label=words)
