"""Tables: variables that experiments compute from a run's results and add to them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.errors import ConfigError, TableFailed, one_line
from superposition_jax.experiments.declare import Table
from superposition_jax.experiments.registry import TABLES
from superposition_jax.results import select, status

__all__ = ["TABLES", "add"]


def add(dataset: xr.Dataset, names: Sequence[str], trainer: Trainer) -> xr.Dataset:
    """The Dataset with the variables of some tables, and with their findings as further lines of its attribute `findings`.

    Models that diverged are NaN in what a table is given, and they and missing ones in its variables. Without a model that is
    ok, declared tables are left out. A table of a user that is a plain function gets the Dataset as it is.

    Raises:
      TableFailed: if a table of a user does.
      ConfigError: for what a table has but does not declare, and for a plain function's variable with the name of an axis.
    """
    some_ok = bool((dataset["status"] == status.STATUS.index("ok")).any())
    for name in names:
        entry = TABLES[name]
        if isinstance(entry, Table):
            if not some_ok:
                continue
            module = import_module(entry.module)
            arrays = getattr(module, name)(status.without_diverged(dataset), trainer)
            if undeclared := {*arrays} - {*entry.variables} - entry.dims:
                raise ConfigError(f"tables = {[*names]}: {name} has {', '.join(sorted(undeclared))}, which is not declared")
            dataset = _with_variables(dataset, entry, arrays)
            lines = module.findings(status.without_diverged(dataset)) if hasattr(module, "findings") else ()
        else:
            try:
                table, axes = entry(dataset, trainer), dataset["status"].coords
            except Exception as error:
                raise TableFailed(f"tables = {[*names]}: {name} fails: {one_line(error)}") from error
            if taken := [str(v) for v in table.variables if v in axes and not table[v].variable.equals(axes[v].variable)]:
                raise ConfigError(f"tables = {[*names]}: {name} has a result with the name of the axis {', '.join(taken)}")
            lines = select.findings(table)
            attributes = {key: value for key, value in table.attrs.items() if key != select.FINDINGS}
            dataset = dataset.assign(table.variables).assign_attrs(attributes)
        dataset = dataset.assign_attrs({select.FINDINGS: "\n".join([*select.findings(dataset), *lines])})
    return dataset


def _with_variables(dataset: xr.Dataset, table: Table, arrays: Mapping[str, Any]) -> xr.Dataset:
    """The Dataset with a table's declared variables and the values of dimensions that it adds."""
    sweep = dataset["status"]
    ok = sweep.variable == status.STATUS.index("ok")
    dims = {"model": [*sweep.dims], "cell": select.cell_dims(dataset), "run": []}
    for name in [name for name in arrays if name not in table.variables]:
        attributes = {"long_name": table.coords[name]} if name in table.coords else {}
        dataset = dataset.assign_coords({name: (name, np.asarray(arrays[name]), attributes)})
    for name, variable in table.variables.items():
        if name not in arrays and variable.optional:
            continue
        values, all_dims = arrays[name], [*dims[variable.per], *variable.dims]
        if not isinstance(values, xr.DataArray):
            sizes, first = [sweep.sizes[dim] for dim in dims[variable.per]], 0 if variable.per == "run" else 1
            values = xr.DataArray(np.reshape(values, (*sizes, *np.shape(values)[first:])), dims=all_dims)
        values = values.transpose(*all_dims).variable
        if variable.per == "model" and not ok.all():
            values = values.astype(np.result_type(values.dtype, np.float32)).where(ok)
        attributes = {"long_name": variable.meaning} | ({"per": variable.per} if variable.per != "model" else {})
        dataset = dataset.assign({name: (all_dims, values.values, values.attrs | attributes)})
    return dataset
