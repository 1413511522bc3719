"""Which neurons of a hidden ReLU layer serve which features."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core import data
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import REACHED, per_model
from superposition_jax.experiments.neurons import SERVES
from superposition_jax.experiments.wording import share_of_seeds
from superposition_jax.results import labels, select


def neurons(dataset: xr.Dataset, trainer: Trainer) -> dict[str, xr.DataArray]:
    """Contributions of neurons to features, features per neuron (1: monosemantic), neurons per feature.

    Elhage et al. 2022, "Superposition in a Privileged Basis".
    """
    into, out, sweep = select.directions(dataset), select.read_out(dataset), dataset["status"]
    lowest = per_model.of_groups(trainer, lambda g: {"value": np.full(len(g.points), data.LAWS[g.spec.law].support[0])})["value"]
    signed = sweep.copy(data=lowest.reshape(sweep.shape) < 0)
    contribution = out * xr.where(signed, abs(into), into.clip(0)).transpose(*into.dims)
    serves, weights = contribution >= SERVES, into.notnull()
    return {
        "contribution": contribution,
        "features_per_neuron": serves.sum("feature").where(weights.any("feature")),
        "neurons_per_feature": serves.sum("hidden").where(weights.any("hidden")),
    }


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """Neurons of every cell's best seed by the number of features that they serve, and polysemantic ones over seeds."""
    few = dataset[["features_per_neuron", "neurons_per_feature", *select.loss_names(dataset)]]
    few = few.assign(reached_best=per_model.reached_best(few, select.seed_dim(few)))
    best = select.best_seed(few)
    for place, cell in select.ok_cells(few, "features_per_neuron", "reached_best"):
        per_neuron, per_feature = (best.isel(place)[name].values for name in ("features_per_neuron", "neurons_per_feature"))
        mono, poly, silent = (int(kind.sum()) for kind in (per_neuron == 1, per_neuron > 1, per_neuron == 0))
        polysemantic = (cell["features_per_neuron"] > 1).sum("hidden")
        served, relative = per_feature[per_feature > 0], float(best.isel(place)["loss_relative"])
        spread = f"median {float(polysemantic.median()):g} ({int(polysemantic.min())}–{int(polysemantic.max())})"
        yield (
            f"{labels.place(dataset, place, ', ')}best seed, relative loss {relative:.2g}: "
            f"{mono} monosemantic neurons, {poly} polysemantic, {silent} silent, {len(served)} features by "
            f"{served.mean() if served.size else 0:.1f} neurons each; polysemantic neurons over seeds: {spread}, "
            f"none in {share_of_seeds(polysemantic == 0)}; "
            f"within {REACHED:.0%} of the best loss {share_of_seeds(cell['reached_best'])}"
        )
