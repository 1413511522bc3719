"""Selections from a Dataset: its dimensions by what varies along them, the best seed of every cell, values of the config.

>>> coords = {"rate": ("rate", [0.1, 0.2], {"path": "train.learning_rate"}), "seed": ("seed", [0, 1, 2], {"path": "seed"})}
>>> dataset = xr.Dataset({"loss": (("rate", "seed"), [[3.0, 1.0, 2.0], [5.0, 6.0, 4.0]])}, coords)
>>> seed_dim(dataset), cell_dims(dataset)
('seed', ['rate'])
>>> best_seed(dataset)["loss"].values.tolist()
[1.0, 4.0]
>>> axis(dataset, "train.learning_rate")
('rate', array([0.1, 0.2]))
"""

import json
from collections.abc import Hashable, Iterator, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.core.model import MODELS
from superposition_jax.results import labels, status


def cell_dims(dataset: xr.Dataset) -> list[str]:
    """The sweep's dimensions except the seed's, in order."""
    return [str(dim) for dim in dataset["loss"].dims if dim != seed_dim(dataset)]


def seed_dim(dataset: xr.Dataset) -> str | None:
    """The dimension along which only the seed varies, if there is one."""
    return next((str(dim) for dim in dataset["loss"].dims if [*paths(dataset, dim)] == ["seed"]), None)


def paths(dataset: xr.Dataset, dim: Hashable) -> dict[str, xr.DataArray]:
    """Coordinates along a dimension by the config leaves whose values they are."""
    return {c.attrs["path"]: c for c in dataset.coords.values() if c.dims == (dim,) and "path" in c.attrs}


AGAIN = {"loss": "loss_again", "loss_stderr": "loss_again_stderr"}
"""What the best of several seeds has from draws of its own."""


def loss_names(dataset: xr.Dataset) -> list[str]:
    """Names of the variables that `best_seed` reads and changes."""
    return [name for name in ("status", "loss_relative", *AGAIN, *AGAIN.values()) if name in dataset]


def best_place(dataset: xr.Dataset, seed: str) -> xr.DataArray:
    """The place along the seeds of every cell's model of least loss that did not diverge; 0 where all did."""
    return status.without_diverged(dataset[loss_names(dataset)])["loss"].fillna(np.inf).argmin(seed)


def best_seed(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset of every cell's model of least loss; its results are NaN where all seeds diverged.

    The least of several losses reads too low, so `loss`, `loss_stderr` and `loss_relative` are those by the best seed's own
    draws, `loss_again`, where it has them.
    """
    dim = seed_dim(dataset)
    if dim is None:
        return dataset
    best = status.without_diverged(dataset.isel({dim: best_place(dataset, dim)}))
    again = {name: best[other].fillna(best[name]) for name, other in AGAIN.items() if {name, other} <= {*best}}
    if "loss" in again and "loss_relative" in best:
        again["loss_relative"] = best["loss_relative"] * (again["loss"] / best["loss"]).fillna(1.0)
    return best.assign({name: values.assign_attrs(best[name].attrs) for name, values in again.items()})


def first_ok(dataset: xr.Dataset, *shown: str | None) -> dict[str, int]:
    """The first place with an ok model on the axes but the seeds' and those shown, if losses of diverged models are NaN."""
    dims = [dim for dim in cell_dims(dataset) if dim not in shown]
    is_ok = dataset["loss"].notnull().any([dim for dim in dataset["loss"].dims if dim not in dims])
    return dict(zip(dims, map(int, np.unravel_index(int(is_ok.values.argmax()), is_ok.shape)), strict=True))


def directions(dataset: xr.Dataset, suffix: str = "") -> xr.DataArray:
    """Directions of features in the hidden layer, (…, hidden, feature), from whichever array a model has them in."""
    return _first(dataset, [kind.directions + suffix for kind in MODELS.values()])


def read_out(dataset: xr.Dataset, suffix: str = "") -> xr.DataArray:
    """Weights from the hidden layer to the outputs, (…, hidden, feature); for tied weights these are the directions."""
    return _first(dataset, [kind.read_out + suffix for kind in MODELS.values()])


def snapshots(model: xr.Dataset) -> tuple[xr.Dataset, np.ndarray]:
    """One model at the snapshots that it has, and its directions (snapshot, hidden, feature) there."""
    w = directions(model, "_snapshots").transpose("snapshot", "hidden", "feature")
    has_snapshot = w.notnull().any(["hidden", "feature"]).values
    return model.isel(snapshot=has_snapshot), w.isel(snapshot=has_snapshot).fillna(0.0).values


def _first(dataset: xr.Dataset, names: list[str]) -> xr.DataArray:
    """For every model the first of some arrays that it has."""
    arrays = [dataset[name].transpose(..., "hidden", "feature") for name in dict.fromkeys(names) if name in dataset]
    return reduce(lambda first, then: first.fillna(then), arrays)


def floor(dataset: xr.Dataset) -> xr.DataArray:
    """The least difference of losses that single precision resolves: a millionth of the best constant predictor's loss."""
    return (1e-6 * dataset["loss"] / dataset["loss_relative"]).where(dataset["loss_relative"] > 0, 1e-6).fillna(0.0)


def cells(dataset: xr.Dataset) -> Iterator[tuple[dict[str, int], xr.Dataset]]:
    """Every cell: its place on the sweep's axes by dimension, and the Dataset of all its seeds."""
    dims = cell_dims(dataset)
    for indices in product(*(range(dataset.sizes[d]) for d in dims)):
        place = dict(zip(dims, indices, strict=True))
        yield place, dataset.isel(place)


def ok_cells(dataset: xr.Dataset, *names: str) -> Iterator[tuple[dict[str, int], xr.Dataset]]:
    """Cells as in `cells`, with some variables of the seeds that are ok; cells without such a seed are left out."""
    seed = seed_dim(dataset)
    for place, cell in cells(dataset[[*names, "loss", "status"]]):
        ok = (cell["status"] == status.STATUS.index("ok")).values
        if ok.any():
            yield place, cell if seed is None else cell.isel({seed: ok})


def across(dataset: xr.Dataset) -> str | None:
    """The dimension to put on a figure's horizontal axis: the density's, or else the longest; None for a single cell."""
    dims = cell_dims(dataset)
    dense = [dim for dim in dims if labels.values(dataset, dim).name == "density"]
    return max(dense or dims, key=lambda dim: dataset.sizes[dim], default=None)


def axis(dataset: xr.Dataset, path: str) -> tuple[str, np.ndarray]:
    """Dimension and values of the axis over a leaf of the config; for data.density 1 − the values of an axis over data.sparsity.

    Raises:
      ValueError: if neither is an axis.
    """
    for c in dataset.coords.values():
        leaf = c.attrs.get("path") if c.dims else None
        if leaf == path or (leaf, path) == ("data.sparsity", "data.density"):
            return str(c.dims[0]), c.values if leaf == path else 1 - c.values
    raise ValueError(f"no axis over {path}")


def varies(dataset: xr.Dataset, path: str) -> bool:
    """Whether a leaf of the config is an axis."""
    return any(c.dims and c.attrs.get("path") == path for c in dataset.coords.values())


FINDINGS = "findings"
"""The attribute of a Dataset that has what its tables found, a line each."""


def findings(dataset: xr.Dataset) -> list[str]:
    """What a Dataset's tables found, in sentences."""
    return [line for line in dataset.attrs.get(FINDINGS, "").split("\n") if line]


def config(dataset: xr.Dataset) -> dict[str, Any]:
    """The config of a Dataset's run, nested."""
    return json.loads(dataset.attrs["config"])


def recipe(dataset: xr.Dataset) -> dict[str, Any]:
    """What a Dataset's models were trained with, by leaf of the config; empty for a version that did not say it.

    A leaf has one value, or a mapping of `dims` and `values` along them.
    """
    return json.loads(dataset.attrs.get("recipe", "{}"))


def leaf(dataset: xr.Dataset, path: str, place: Mapping[str, int], default: Any = None) -> Any:
    """The value of a leaf of the config at a place on the sweep's axes; `default` for a run of a version without this leaf."""
    for c in dataset.coords.values():
        if c.attrs.get("path") == path and {*c.dims} <= {*place}:
            return c.isel({dim: place[dim] for dim in c.dims}).item()
    value: Any = config(dataset)
    for key in path.split("."):
        if key not in value:
            return default
        value = value[key]
    return value
