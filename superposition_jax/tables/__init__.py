"""Tables: what an experiment works out of its results and keeps beside them, by the name under which a sweep asks for it."""

from collections.abc import Callable, Sequence
from importlib import import_module

import numpy as np
import xarray as xr

Retrain = Callable[[np.ndarray, dict[str, np.ndarray]], dict[str, np.ndarray]]
"""Trains models of the sweep once more, gently, from given parameters: (flat points (k,), parameters (k, …)) → results (k, …)."""

TABLES = {"phase": "phase"}
"""Functions (Dataset, Retrain) → Dataset by name, and the module of this package that holds each."""


def add(dataset: xr.Dataset, names: Sequence[str], retrain: Retrain) -> xr.Dataset:
    """The dataset with its tables' variables; what they found, in sentences, becomes the attribute `findings`."""
    for name in names:
        table = getattr(import_module(f"{__name__}.{TABLES[name]}"), name)(dataset, retrain)
        said = [dataset.attrs.get("findings", ""), table.attrs["findings"]]
        dataset = dataset.assign(table.variables).assign_attrs(findings="\n".join(filter(None, said)))
    return dataset
