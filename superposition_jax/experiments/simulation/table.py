"""How well every model simulates a large sparse network in its few dimensions."""

from collections.abc import Iterator

import jax
import xarray as xr
from jax import Array

from superposition_jax.core import random
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model as models
from superposition_jax.experiments.simulation import numeric
from superposition_jax.experiments.tables import told
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import SIMULATION, Hparams, Measure, Params, Spec

MEASURES = {
    "simulation_error": Measure((), "E‖y − ŷ‖²/E‖y − E y‖² of a large network whose neurons' activations go through the model"),
    "simulation_independent": Measure((), "the same where activations are drawn as in training: independent, of the law"),
    "simulation_dedicated": Measure((), "the same where m neurons are kept as they are and the others are their mean"),
    "simulation_linear": Measure((), "the same for the best linear code of m numbers"),
    "simulation_density": Measure((), "mean share of inputs for which a neuron of the large network is active"),
}


def simulation(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Errors of the simulation, of the same width without superposition, and of the best linear code, one network a seed.

    See `superposition_jax.simulation`.
    """
    return told(dataset, models.each(dataset, trainer, _errors, MEASURES), _findings)


def _errors(seed, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    found = numeric.errors(jax.random.fold_in(random.key(seed), SIMULATION), hparams, params, spec=spec)
    return {f"simulation_{name}": value for name, value in found.items()}


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    names = {
        "error": "error",
        "independent": "with neurons as in training",
        "dedicated": "without superposition",
        "linear": "best linear code",
    }
    for here, cell in select.cells(dataset):
        words = (f"{text} {mean_error(cell[f'simulation_{name}'].values, '.3g')}" for name, text in names.items())
        yield f"{labels.place(dataset, here, ': ')}{', '.join(words)}"
