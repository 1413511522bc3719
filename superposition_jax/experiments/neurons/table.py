"""Which neurons speak for which features, where the hidden layer has neurons."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core import data
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.phase.table import REACHED
from superposition_jax.experiments.wording import share
from superposition_jax.results import labels, select

SPEAKS = 0.1
"""A neuron speaks for a feature when at least this share of the feature comes out through it alone."""

_MEANINGS = {
    "contribution": "W_out,ki · ReLU(W_in,ki x) at x = 1 (or −1, if x may be negative and that is more)",
    "features_per_neuron": f"number of features with contribution ≥ {SPEAKS} in the neuron",
    "neurons_per_feature": f"number of neurons with contribution ≥ {SPEAKS} to the feature",
}


def neurons(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Contributions of neurons to features, features per neuron (1: monosemantic), neurons per feature.

    Elhage et al. 2022, "Superposition in a Privileged Basis".
    """
    w, out = select.directions(dataset), select.read_out(dataset)
    signed = np.zeros(dataset["status"].size, bool)
    for group in trainer.groups:
        signed[group.points] = data.LAWS[group.spec.law].support[0] < 0
    either = xr.DataArray(signed.reshape(dataset["status"].shape), dims=dataset["status"].dims)
    through = out * xr.where(either, abs(w), w.clip(0)).transpose(*w.dims)
    speaks, there = through >= SPEAKS, w.notnull()
    found = {
        "contribution": through,
        "features_per_neuron": speaks.sum("feature").where(there.any("feature")),
        "neurons_per_feature": speaks.sum("hidden").where(there.any("hidden")),
    }
    table = xr.Dataset(
        {name: values.drop_vars(list(values.coords)).assign_attrs(long_name=_MEANINGS[name]) for name, values in found.items()}
    )
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    few = dataset[["features_per_neuron", "neurons_per_feature", "loss", "loss_relative"]]
    best = select.best_seed(few)
    for here, cell in select.cells(few):
        place = labels.place(dataset, here, ", ")
        per_neuron, per_feature = (best.isel(here)[name].values for name in ("features_per_neuron", "neurons_per_feature"))
        mono, poly, off = (int(count) for count in ((per_neuron == 1).sum(), (per_neuron > 1).sum(), (per_neuron == 0).sum()))
        every = (cell["features_per_neuron"] > 1).sum("hidden").values.ravel()
        spoken, relative = per_feature[per_feature > 0], float(best.isel(here)["loss_relative"])
        loss = cell["loss"].values.ravel()
        reached = (
            int((loss <= (1 + REACHED) * np.nanmin(loss) + float(select.floor(cell).max())).sum())
            if np.isfinite(loss).any()
            else 0
        )
        spread = f"median {np.median(every):g} ({every.min():g}–{every.max():g})"
        yield (
            f"{place}best seed, relative loss {relative:.2g}: "
            f"{mono} monosemantic neurons, {poly} polysemantic, {off} silent, {len(spoken)} features by "
            f"{spoken.mean() if spoken.size else 0:.1f} neurons each; polysemantic neurons over seeds: {spread}, "
            f"no such neuron in {share(int((every == 0).sum()), every.size)}; "
            f"within {REACHED:.0%} of the best loss {share(reached, loss.size)}"
        )
