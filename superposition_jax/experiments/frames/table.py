"""The frame potential of every model's features."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Params, Spec


def frames(dataset: xr.Dataset, trainer: Trainer) -> per_model.Arrays:
    """How evenly features spread over the hidden space. Benedetto & Fickus 2003, "Finite normalized tight frames"."""
    return per_model.compiled(dataset, trainer, frame_potential)


def frame_potential(seed: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """m·‖WWᵀ‖²/‖W‖⁴ of one model."""
    gram = params["W"] @ params["W"].T
    return {"frame_potential": spec.n_hidden * jnp.sum(gram * gram) / jnp.trace(gram) ** 2}


def of_random_directions(features: np.ndarray, m: int) -> np.ndarray:
    """Frame potential that as many independent random directions in R^m have on average, 1 + (m − 1)/N.

    >>> of_random_directions(np.array([1, 20]), 5).tolist()
    [5.0, 1.2]
    """
    return 1 + (m - 1) / features


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The frame potential in every cell, beside that of as many random directions."""
    for place, cell in select.ok_cells(dataset, "frame_potential", "represented"):
        m = int(select.leaf(dataset, "model.n_hidden", place))
        random = xr.apply_ufunc(of_random_directions, cell["represented"], m)
        yield (
            f"{labels.place(dataset, place, ': ')}frame potential {mean_error(cell['frame_potential'], '.4f')}, "
            f"of as many random directions {mean_error(random, '.4f')}"
        )
