"""Solids that features form in every model, and how often."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components as geometry
from superposition_jax.experiments.wording import mean_error, share
from superposition_jax.results import labels, select

_MOST_CELLS, _MOST_KINDS = 40, 12
_MEANINGS = {
    "component": "number of the feature's component in the graph |Ŵ_i·Ŵ_j| > 0.2, largest first; −1 not represented",
    "component_features": "features in the feature's component",
    "component_points": "directions in which these lie",
    "component_dimension": "dimensions that the feature's component spans",
}


def solids(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Component of every feature in every model (superposition_jax.solids), and the share of solids by cell in sentences."""
    sweep = dataset["status"]
    w = select.directions(dataset).transpose(*sweep.dims, "hidden", "feature").fillna(0.0).values
    found = [geometry.components(one) for one in w.reshape(-1, *w.shape[-2:])]
    arrays = (np.reshape(values, (*sweep.shape, w.shape[-1])) for values in zip(*found, strict=True))
    variables = {
        name: ((*sweep.dims, "feature"), values, {"long_name": _MEANINGS[name]})
        for name, values in zip(_MEANINGS, arrays, strict=True)
    }
    table = xr.Dataset(variables)
    table = table.assign(solid_features=_counts(table, sweep))
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _counts(table: xr.Dataset, sweep: xr.DataArray) -> xr.DataArray:
    """Features in every kind of solid (…, solid), the commonest kinds first, all further ones together as the last."""
    kinds = [table[name].values.reshape(sweep.size, -1) for name in list(_MEANINGS)[1:]]
    models = [zip(*rows, strict=True) for rows in zip(*kinds, strict=True)]
    each = [Counter(geometry.name(*map(int, kind)) for kind in model if kind[0]) for model in models]
    names = [name for name, _ in sum(each, Counter()).most_common(_MOST_KINDS)]
    counts = np.array([[*(count[name] for name in names), sum(count[k] for k in count if k not in names)] for count in each])
    meaning = {"long_name": "represented features in components of each kind"}
    values = counts.reshape(*sweep.shape, -1)
    return xr.DataArray(values, dims=(*sweep.dims, "solid"), coords={"solid": [*names, "other"]}, attrs=meaning)


def arrangement(model: xr.Dataset) -> str:
    """What one model's features form, largest first: `pentagon`, `2 digons`, `triangle + digon`, `nothing`."""
    return _words(_solids(model))


def _solids(model: xr.Dataset) -> Counter[tuple[int, int, int]]:
    """Components of one model by features, points and dimension."""
    columns = (model[name].values.tolist() for name in _MEANINGS)
    components = {number: tuple(kind) for number, *kind in zip(*columns, strict=True) if number >= 0}
    return Counter(components.values())


def _words(counts: Counter[tuple[int, int, int]]) -> str:
    return " + ".join(geometry.name(*kind, count=count) for kind, count in sorted(counts.items())[::-1]) or "nothing"


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    """By cell: the commonest arrangement where features are few, else the share of represented features in each solid."""
    few = dataset[[*_MEANINGS, "loss"]]
    seed = select.seed_dim(dataset)
    for number, (here, cell) in enumerate(select.cells(few)):
        models = [cell] if seed is None else [cell.isel({seed: k}) for k in range(cell.sizes[seed])]
        if number == _MOST_CELLS:
            yield "further cells are not listed"
            return
        place = labels.place(dataset, here, ": ")
        if dataset.sizes["feature"] <= 10:
            (what, count), *_ = Counter(arrangement(model) for model in models).most_common(1)
            best = arrangement(min(models, key=lambda model: float(model["loss"].fillna(np.inf))))
            yield f"{place}{what} in {share(count, len(models))}; best seed: {best}"
        else:
            yield place + (", ".join(_shares(models)) or "no feature has a norm above ½")


def _shares(models: list[xr.Dataset]) -> Iterator[str]:
    """Solids with the percentage of represented features in them, mean and standard error over seeds; the commonest four."""
    counts = [Counter({kind: count * kind[0] for kind, count in _solids(model).items()}) for model in models]
    whole = np.array([max(1, sum(count.values())) for count in counts])
    for kind, _ in sum(counts, Counter()).most_common(4):
        each = np.array([count[kind] for count in counts]) / whole
        yield f"{geometry.name(*kind)} {mean_error(each, '.0f', 100)} %"
