"""The solids that features form in every model."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components, per_model
from superposition_jax.experiments.wording import mean_error, share_of_seeds
from superposition_jax.results import labels, select
from superposition_jax.types import Hparams, Spec

_MOST_CELLS, _MOST_KINDS = 40, 12


def solids(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Component of every feature in every model (`components`), and the number of features in each kind of solid.

    Elhage et al. 2022, "Geometry of Features".
    """
    arrays = per_model.on_host(dataset, trainer, _components, "W")
    models = zip(*(arrays[name] for name in components.VARIABLES[1:]), strict=True)
    counts = [Counter(components.name(*map(int, kind)) for kind in zip(*kinds, strict=True) if kind[0] > 0) for kinds in models]
    names = [name for name, _ in sum(counts, Counter()).most_common(_MOST_KINDS)]
    columns = [[*(count[name] for name in names), sum(count[k] for k in count if k not in names)] for count in counts]
    return arrays | {"solid_features": np.array(columns), "solid": [*names, "other"]}


def _components(spec: Spec, hparams: Hparams, results: per_model.Arrays) -> dict[str, np.ndarray]:
    return dict(zip(components.VARIABLES, components.components(results["W"]), strict=True))


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """For every cell the commonest arrangement of few features, or the shares of many features in each kind of solid."""
    seed = select.seed_dim(dataset)
    for number, (place, cell) in enumerate(select.ok_cells(dataset, *components.VARIABLES)):
        if number == _MOST_CELLS:
            yield "further cells are not listed"
            return
        models = [cell] if seed is None else [cell.isel({seed: k}) for k in range(cell.sizes[seed])]
        words = labels.place(dataset, place, ": ")
        if dataset.sizes["feature"] <= 10:
            arrangements = [components.arrangement(model) for model in models]
            ((commonest, _),) = Counter(arrangements).most_common(1)
            best = components.arrangement(min(models, key=lambda model: float(model["loss"].fillna(np.inf))))
            often = share_of_seeds(_of_seeds(cell, [arrangement == commonest for arrangement in arrangements]))
            yield f"{words}{commonest} in {often}; best seed: {best}"
        else:
            yield words + (", ".join(_shares(cell, models)) or "no feature has a norm above ½")


def _of_seeds(cell: xr.Dataset, values: Sequence[Any] | np.ndarray) -> xr.DataArray:
    """Values of a cell's seeds under their labels."""
    return cell["loss"].copy(data=np.reshape(values, cell["loss"].shape))


def _shares(cell: xr.Dataset, models: list[xr.Dataset]) -> Iterator[str]:
    """The commonest four solids with the percentage of represented features in them, mean and standard error over seeds."""
    counts = [Counter({kind: count * kind[0] for kind, count in components.of_model(model).items()}) for model in models]
    represented = np.array([max(1, sum(count.values())) for count in counts])
    for kind, _ in sum(counts, Counter()).most_common(4):
        shares = np.array([count[kind] for count in counts]) / represented
        yield f"{components.name(*kind)} {mean_error(_of_seeds(cell, shares), '.0f', 100)} %"
