"""The status of a sweep's models: missing, ok or diverged."""

import numpy as np
import xarray as xr

STATUS = ("missing", "ok", "diverged")
"""Meanings of the numbers 0, 1, 2 in the variable `status`."""


def diverged(dataset: xr.Dataset) -> int:
    """The number of models that diverged."""
    return int((dataset["status"] == STATUS.index("diverged")).sum())


_NOT_RESULTS = ("status", "diverged_at", "repaired", "feature_density", "feature_importance")
"""Variables of every model that are not measured on its parameters, and so are valid for diverged models too."""


def without_diverged(dataset: xr.Dataset) -> xr.Dataset:
    """A Dataset with NaN for results of models that diverged; where there are any, integers and truth values become floats.

    A selection of variables without `status` stays as it is.
    """
    bad = dataset.get("status", xr.DataArray(STATUS.index("ok"))) == STATUS.index("diverged")
    if not bad.any():
        return dataset
    results = {
        name: values.astype(np.result_type(values.dtype, np.float32)).where(~bad)
        for name, values in dataset.data_vars.items()
        if name not in _NOT_RESULTS and "per" not in values.attrs  # a table's result of a cell or of the whole run
        if set(bad.dims) <= set(values.dims) and values.dtype.kind in "fiub"
    }
    return dataset.assign(results)
