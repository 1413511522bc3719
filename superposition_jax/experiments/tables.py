"""Tables: what an experiment computes from a run's results and keeps beside them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.declare import Table
from superposition_jax.experiments.registry import TABLES
from superposition_jax.results import select, status

__all__ = ["TABLES", "add"]


def add(dataset: xr.Dataset, names: Sequence[str], trainer: Trainer) -> xr.Dataset:
    """The Dataset with the variables of some tables; what they found is appended to its attribute `findings`, a line each.

    A table sees NaN in the place of the numbers of models that diverged, and its variables are NaN there.
    """
    for name in names:
        entry = TABLES[name]
        if isinstance(entry, Table):
            module = import_module(entry.module)
            dataset = _with_variables(dataset, entry, getattr(module, name)(status.without_diverged(dataset), trainer))
            lines = [*module.findings(status.without_diverged(dataset))]
        else:
            table = entry(dataset, trainer)
            lines = select.findings(table)
            attributes = {key: value for key, value in table.attrs.items() if key != select.FINDINGS}
            dataset = dataset.assign(table.variables).assign_attrs(attributes)
        dataset = dataset.assign_attrs({select.FINDINGS: "\n".join([*select.findings(dataset), *lines])})
    return dataset


def _with_variables(dataset: xr.Dataset, table: Table, arrays: Mapping[str, Any]) -> xr.Dataset:
    """The Dataset with a table's arrays as labelled variables, and the other arrays as coordinates of the table's dimensions."""
    sweep = dataset["status"]
    diverged = sweep.variable == status.STATUS.index("diverged")
    dims = {"model": [*sweep.dims], "cell": select.cell_dims(dataset), "run": []}
    for name in arrays.keys() - table.variables.keys():
        dataset = dataset.assign_coords({name: (name, np.asarray(arrays[name]), _described(table.coords.get(name)))})
    for name, variable in table.variables.items():
        if name not in arrays and variable.optional:
            continue
        sizes, values = [sweep.sizes[dim] for dim in dims[variable.each]], arrays[name]
        whole = [*dims[variable.each], *variable.dims]
        if not isinstance(values, xr.DataArray):
            values = xr.DataArray(np.reshape(values, (*sizes, *np.shape(values)[variable.each != "run" :])), dims=whole)
        values = values.transpose(*whole).variable
        if variable.each == "model" and diverged.any():
            values = values.astype(np.result_type(values.dtype, np.float32)).where(~diverged)
        dataset = dataset.assign({name: (whole, values.values, values.attrs | _described(variable.meaning))})
    return dataset


def _described(meaning: str | None) -> dict[str, str]:
    return {"long_name": meaning} if meaning else {}
