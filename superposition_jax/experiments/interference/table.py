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
    """The cost of interference from inputs with a single one of n features on, all equally often."""
    return density * (1 - density) ** (n - 1) * dataset["one_active_excess"]


def parts(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """The loss as a sum: features that are not represented, represented ones by themselves, and interference."""
    dropped, represented = dataset["dropped_loss"], dataset["represented_loss"]
    interference = dataset["loss"] - dropped - represented
    return {"not represented": dropped, "represented by themselves": represented, "interference": interference}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """False activations by two others before and after bias and activation, and the parts of the loss, in every cell."""
    names = ("false_positive", "false_negative", "false_square", "alternatives", "one_active_excess")
    for place, cell in select.ok_cells(dataset, *names, "represented_loss", "dropped_loss"):
        two = cell.sel(others=2)
        raw, activated, biased = (two["false_square"].sel(stage=stage) for stage in STAGES)
        loud = raw.where(raw > FAINT**2)
        positive, negative = (mean_error(two[f"false_{word}"], ".0f", 100) for word in ("positive", "negative"))
        leaves = f"f leaves (%) {mean_error(activated / loud, '.1f', 100)}, with b {mean_error(biased / loud, '.1f', 100)}; "
        counts, single = ", ".join(mean_error(cell["alternatives"].sel(others=k), ".2g") for k in OTHERS), ""
        costs = parts(cell)
        shares = ", ".join(f"{words} {mean_error(part / cell['loss'], '.0f', 100)} %" for words, part in costs.items())
        if "density" in cell.coords and (costs["interference"] / cell["loss"]).mean() > numeric.SMALL:
            n = int(select.leaf(dataset, "model.n_features", place))
            share = rare_interference(cell, cell["density"], n) / costs["interference"]
            single = f", {mean_error(share, '.0f', 100)} % of that with a single feature on"
        yield (
            f"{labels.place(dataset, place, ': ')}of two others z is positive in {positive} % and negative in {negative} % "
            f"of cases, mean square {mean_error(raw, '.2g')}; {leaves if loud.notnull().any() else ''}"
            f"of the loss: {shares}{single}; alternatives to one, two, three features: {counts}"
        )
