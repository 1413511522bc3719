"""Interference: false activations of features that are off, inputs that look alike, and what interference costs."""

from collections.abc import Iterator
from typing import Any

import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.interference import FAINT, OTHERS, STAGES, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select


def interference(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """False activations, alternatives, costs and benefits of all models. Elhage et al. 2022, "Mathematical Understanding"."""
    coords = {"others": [*OTHERS], "stage": [*STAGES], "activation_value": (numeric.EDGES[1:] + numeric.EDGES[:-1]) / 2}
    return per_model.compiled(dataset, trainer, numeric.describe) | coords


def rare_interference(dataset: xr.Dataset, density: xr.DataArray, n: int) -> xr.DataArray:
    """The cost of interference from inputs with a single one of n features on, all equally often: the second term of L₁."""
    return density * (1 - density) ** (n - 1) * dataset["one_active_interference"]


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """False activations by two others before and after bias and activation, and the cost of interference, in every cell."""
    names = ("false_positive", "false_negative", "false_square", "alternatives", "one_active_interference")
    for place, cell in select.ok_cells(dataset, *names, "benefit_loss", "interference_loss"):
        two = cell.sel(others=2)
        raw, activated, biased = (two["false_square"].sel(stage=stage) for stage in STAGES)
        loud = raw.where(raw > FAINT**2)
        positive, negative = (mean_error(two[f"false_{word}"], ".0f", 100) for word in ("positive", "negative"))
        counts, single = ", ".join(mean_error(cell["alternatives"].sel(others=k), ".2g") for k in OTHERS), ""
        if "density" in cell.coords:
            n, cost = int(select.leaf(dataset, "model.n_features", place)), cell["interference_loss"]
            share = (rare_interference(cell, cell["density"], n) / cost).where(cost > numeric.SMALL * cell["loss"])
            single = f", {mean_error(share, '.0f', 100)} % of that with a single feature on"
        yield (
            f"{labels.place(dataset, place, ': ')}of two others z is positive in {positive} % and negative in {negative} % "
            f"of cases, mean square {mean_error(raw, '.2g')}; "
            f"f leaves (%) {mean_error(activated / loud, '.1f', 100)}, with b {mean_error(biased / loud, '.1f', 100)}; "
            f"interference is {mean_error(cell['interference_loss'] / cell['loss'], '.0f', 100)} % of the loss{single}; "
            f"alternatives to one, two, three features: {counts}"
        )
