"""Which models of a sweep are finished, and which diverged."""

import xarray as xr

STATUS = ("missing", "ok", "diverged")
"""Meaning of the numbers 0, 1, 2 in `status`."""


def diverged(dataset: xr.Dataset) -> int:
    """How many models have diverged."""
    return int((dataset["status"] == STATUS.index("diverged")).sum())


def without_diverged(dataset: xr.Dataset) -> xr.Dataset:
    """NaN for the numbers of models that diverged: their last finite ones may be of any size."""
    bad = dataset["status"] == STATUS.index("diverged")
    if not bad.any():
        return dataset
    whole = [name for name, values in dataset.data_vars.items() if set(bad.dims) <= set(values.dims)]
    counts = ("represented", "rank", "dead_outputs")
    numbers = [name for name in whole if dataset[name].dtype.kind == "f" or name in counts]
    return dataset.assign({name: dataset[name].where(~bad) for name in numbers})
