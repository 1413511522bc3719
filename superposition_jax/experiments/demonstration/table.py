"""The paper's demonstration in numbers: which features a model represents, and its loss, beside the linear model's."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax import theory
from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.wording import share_of_seeds
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec


def demonstration(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Whether a model represents exactly the features that the linear one does, and its loss relative to the linear one's.

    Elhage et al. 2022, "Demonstrating Superposition".
    """
    return per_model.on_host(dataset, trainer, _against_linear, "feature_norm", "loss")


def _against_linear(spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, np.float32]:
    law = {"law": spec.law, "exponent": float(hparams.value_exponent)}
    terms = hparams.importance * theory.variance(hparams.density, **law)
    principal = np.argsort(np.argsort(-terms, kind="stable")) < spec.n_hidden
    least = theory.linear_loss(hparams.density, hparams.importance, spec.n_hidden, **law)
    return {
        "principal": np.float32(np.all((results["feature_norm"] > REPRESENTED) == principal)),
        "loss_over_linear": np.float32(results["loss"] / least),
    }


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """How many features are represented, how often exactly the linear model's, and the relative loss, for every cell."""
    for place, cell in select.ok_cells(dataset, "principal", "loss_over_linear", "represented"):
        count, ratio = float(cell["represented"].median()), float(cell["loss_over_linear"].median())
        words = f"median of {count:g} features, the linear model's in {share_of_seeds(cell['principal'] == 1)}"
        yield f"{labels.place(dataset, place, ': ')}{words}, loss {ratio:.3f} of the linear model's"
