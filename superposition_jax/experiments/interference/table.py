"""Interference: how often and how much active features turn on others, which inputs look alike, and what it costs."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model as models
from superposition_jax.experiments.interference import numeric as measured
from superposition_jax.experiments.tables import told
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Measure

_WHERE = "of represented features that are off, when so many represented others are on"
MEASURES = {
    "false_positive": Measure(("others",), f"share {_WHERE}, with z = Σ_j W_i·W_j x_j > {measured.FAINT}"),
    "false_negative": Measure(("others",), f"share {_WHERE}, with z < −{measured.FAINT}"),
    "false_square": Measure(("others", "stage"), f"mean z², f(z)², f(z + b)² {_WHERE}"),
    "false_density": Measure(("others", "stage", "activation_value"), f"density of z, f(z), f(z + b) {_WHERE}"),
    "alternatives": Measure(
        ("others",), f"sets of at most so many features that explain h of so many others, all at 1, to {measured.ALIKE}"
    ),
    "ambiguous": Measure(("others",), "share of sets of so many features that others explain"),
    "linear_benefit": Measure((), "Σ_i I_i (1 − ‖W_i‖²)²"),
    "linear_interference": Measure((), "Σ_{i≠j} I_j (W_j·W_i)²"),
    "one_active_benefit": Measure((), "Σ_i E I_i (x_i − x'_i)², feature i on alone: first term of L₁"),
    "one_active_interference": Measure((), "Σ_{i≠j} E I_j x'_j², feature i on alone: second term of L₁"),
}


def interference(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """`superposition_jax.interference` of every model. Elhage et al. 2022, "Mathematical Understanding"."""
    middle = (measured.EDGES[1:] + measured.EDGES[:-1]) / 2
    table = models.each(dataset, trainer, measured.describe, MEASURES)
    table = table.assign_coords(others=[*measured.OTHERS], stage=[*measured.STAGES], activation_value=middle)
    return told(dataset, table, _findings)


def rare_interference(dataset: xr.Dataset, density: xr.DataArray, n: int) -> xr.DataArray:
    """The second term of L₁: what interference costs while a single one of n features is on, all equally often."""
    return density * (1 - density) ** (n - 1) * dataset["one_active_interference"]


def _of_one(cell: xr.Dataset, n: int) -> str:
    if "density" not in cell.coords:
        return ""
    share = rare_interference(cell, cell["density"], n) / cell["interference_loss"]
    shown = share.where(cell["interference_loss"] > measured.SMALL * cell["loss"]).values
    return f", {mean_error(shown, '.0f', 100)} % of that with a single feature on"


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    few = dataset[[*(name for name in MEASURES if name != "false_density"), "benefit_loss", "interference_loss", "loss"]]
    for here, cell in select.cells(few):
        two = cell.sel(others=2)
        raw, activated, biased = (two["false_square"].sel(stage=stage).values for stage in measured.STAGES)
        loud = np.where(raw > measured.FAINT**2, raw, np.nan)
        signs = " and ".join(
            f"{word} in {mean_error(two[f'false_{word}'].values, '.0f', 100)} %" for word in ("positive", "negative")
        )
        counts = ", ".join(mean_error(cell["alternatives"].sel(others=k).values, ".2g") for k in measured.OTHERS)
        yield (
            f"{labels.place(dataset, here, ': ')}of two others z is {signs} of cases, mean square {mean_error(raw, '.2g')}; "
            f"f leaves (%) {mean_error(activated / loud, '.1f', 100)}, with b {mean_error(biased / loud, '.1f', 100)}; "
            f"interference is {mean_error((cell['interference_loss'] / cell['loss']).values, '.0f', 100)} % of the loss"
            f"{_of_one(cell, int(select.leaf(dataset, 'model.n_features', here)))}; "
            f"alternatives to one, two, three features: {counts}"
        )
