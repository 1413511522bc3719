"""How many features are in superposition."""

from collections.abc import Iterator

import xarray as xr

from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.phase.table import SHARED
from superposition_jax.results import labels, select


def superposed(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Number of represented features (‖W_i‖ > ½) with Σ_{j≠i} (Ŵ_i·W_j)² > ½."""
    found = ((dataset["feature_norm"] > REPRESENTED) & (dataset["superposition"] > SHARED)).sum("feature")
    found = found.drop_vars(list(found.coords)).assign_attrs(
        long_name="number of represented features with Σ_{j≠i} (Ŵ_i·W_j)² > ½"
    )
    table = xr.Dataset({"superposed": found})
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[["represented", "superposed", "loss_relative", "loss"]]):
        place = labels.place(dataset, here, ", ")
        middle = {name: float(cell[name].median()) for name in ("represented", "superposed", "loss_relative")}
        yield (
            f"{place}median of {middle['represented']:g} features, {middle['superposed']:g} of them in superposition, "
            f"relative loss {middle['loss_relative']:.3g}"
        )
