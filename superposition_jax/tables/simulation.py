"""How well every model simulates a large sparse network in its few dimensions."""

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np
import xarray as xr

from superposition_jax import labels, population, prng, results
from superposition_jax import simulation as numeric
from superposition_jax.engine import Trainer
from superposition_jax.tables import parameters
from superposition_jax.tables.words import mean_error
from superposition_jax.types import SIMULATION, Hparams, Params, Spec

_AT_A_TIME = 4
_MEANINGS = {
    "error": "E‖y − ŷ‖²/E‖y − E y‖² of a large network whose neurons' activations go through the model",
    "independent": "the same where activations are drawn as in training: independent, of the law",
    "dedicated": "the same where m neurons are kept as they are and the others are their mean",
    "linear": "the same for the best linear code of m numbers",
    "density": "mean share of inputs for which a neuron of the large network is active",
}


def simulation(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Errors of the simulation, of the same width without superposition, and of the best linear code, one network a seed.

    See `superposition_jax.simulation`.
    """
    dataset = results.without_diverged(dataset)
    sweep = dataset["status"]
    full = {name: np.full(sweep.size, np.nan, np.float32) for name in _MEANINGS}
    ok = sweep.values.ravel() == results.STATUS.index("ok")
    for group in trainer.groups:
        one, params, there = partial(_one, spec=group.spec), parameters(dataset, group), ok[group.points]
        found = population.over_models(one, group.seeds, group.hparams, params, at_a_time=_AT_A_TIME)
        for name, values in found.items():
            full[name][group.points[there]] = values[there]
    table = xr.Dataset(
        {
            f"simulation_{name}": (sweep.dims, values.reshape(sweep.shape), {"long_name": _MEANINGS[name]})
            for name, values in full.items()
        }
    )
    return table.assign_attrs(findings="\n".join(_findings(dataset.merge(table))))


def _one(seed, hparams: Hparams, params: Params, *, spec: Spec):
    return numeric.errors(jax.random.fold_in(prng.key(seed), SIMULATION), hparams, params, spec=spec)


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    names = {
        "error": "error",
        "independent": "with neurons as in training",
        "dedicated": "without superposition",
        "linear": "best linear code",
    }
    for here, cell in labels.cells(dataset):
        words = (f"{text} {mean_error(cell[f'simulation_{name}'].values, '.3g')}" for name, text in names.items())
        yield f"{labels.place(dataset, here, ': ')}{', '.join(words)}"
