"""What the paper's demonstration says, in numbers: which features a model keeps, against the linear model's."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.wording import share
from superposition_jax.results import labels, select
from superposition_jax.theory import losses


def demonstration(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Whether a model represents exactly the m features of greatest I_i Var x_i, as the linear one does, and the loss over its.

    Elhage et al. 2022, "Demonstrating Superposition".
    """
    sweep = dataset["status"]
    flat = {name: np.full(sweep.size, np.nan, np.float32) for name in ("principal", "loss_over_linear")}
    for group in trainer.groups:
        spec, hparams = group.spec, group.hparams
        points = group.points
        norm = dataset["feature_norm"].values.reshape(sweep.size, -1)[points][:, : spec.n_features]
        terms = np.array(
            [
                _variances(spec.law, *numbers)
                for numbers in zip(hparams.density, hparams.importance, hparams.value_exponent, strict=True)
            ]
        )
        top = np.argsort(np.argsort(-terms, axis=1, kind="stable"), axis=1) < spec.n_hidden
        flat["principal"][points] = np.all((norm > REPRESENTED) == top, axis=1)
        least = np.sort(terms, axis=1)[:, : max(0, spec.n_features - spec.n_hidden)].sum(axis=1)
        flat["loss_over_linear"][points] = dataset["loss"].values.ravel()[points] / least
    meanings = {
        "principal": "whether exactly the m features of greatest I_i·Var x_i have ‖W_i‖ > ½, as in the linear model",
        "loss_over_linear": "loss over the least loss of the linear model",
    }
    table = xr.Dataset(
        {name: (sweep.dims, values.reshape(sweep.shape), {"long_name": meanings[name]}) for name, values in flat.items()}
    )
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _variances(law: str, density, importance, exponent) -> np.ndarray:
    return importance * losses.variance(density, law, float(exponent))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    few = dataset[["principal", "loss_over_linear", "represented", "loss"]]
    for here, cell in select.cells(few):
        place = labels.place(dataset, here, ": ")
        count, ratio = float(cell["represented"].median()), float(cell["loss_over_linear"].median())
        same = share(int(cell["principal"].sum()), cell["principal"].size)
        yield f"{place}median of {count:g} features, the linear model's in {same}, loss {ratio:.3f} of the linear model's"
