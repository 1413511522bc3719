"""Errors with which every model simulates a large sparse network in its few dimensions."""

from collections.abc import Iterator

import jax
import xarray as xr
from jax import Array

from superposition_jax.core import random
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.simulation import STREAM, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Params, Spec


def simulation(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """Errors of the simulation, of m dedicated neurons, and of the best linear code, with one network for each seed.

    See `numeric.errors`.
    """
    return per_model.compiled(dataset, trainer, _errors)


def _errors(seed, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    errors = numeric.errors(jax.random.fold_in(random.key(seed), STREAM), hparams, params, spec=spec)
    return {f"simulation_{name}": value for name, value in errors.items()}


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The four errors of every cell."""
    texts = ("error", "with neurons as in training", "without superposition", "best linear code")
    names = dict(zip((f"simulation_{name}" for name in ("error", "independent", "dedicated", "linear")), texts, strict=True))
    for place, cell in select.ok_cells(dataset, *names):
        words = (f"{text} {mean_error(cell[name], '.3g')}" for name, text in names.items())
        yield f"{labels.place(dataset, place, ': ')}{', '.join(words)}"
