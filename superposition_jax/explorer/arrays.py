"""All numbers of a page: measures over the sweep, and what is drawn of every model."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.explorer.packing import size
from superposition_jax.results import select, status

_NOT_MEASURED = ("status", "diverged_at", "feature_density", "feature_importance")
"""Variables that the page shows in other ways than as a measure."""
_DIVERGING = 1e3
"""How far above all others' a loss curve is shown that diverges: further up it would cost the others their digits."""


class Arrays(NamedTuple):
    """All numbers of a page."""

    measures: dict[str, dict[str, xr.DataArray]]
    """Of every model, or of its features, by name: of the best seed, mean and spread over seeds, and of all seeds."""
    models: dict[str, xr.DataArray]
    """What is drawn of one model, by name."""

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return sum(map(size, self.models.values())) + sum(size(v) for own in self.measures.values() for v in own.values())

    @classmethod
    def of(cls, dataset: xr.Dataset) -> "Arrays":
        """Those of a run."""
        return cls(_measures(dataset), _models(dataset))

    def map(self, change: Callable[[xr.DataArray], xr.DataArray]) -> "Arrays":
        """With every array changed."""
        measures = {name: {key: change(v) for key, v in own.items()} for name, own in self.measures.items()}
        return Arrays(measures, {name: change(values) for name, values in self.models.items()})


def _measures(dataset: xr.Dataset) -> dict[str, dict[str, xr.DataArray]]:
    seed, over = select.seed_dim(dataset), {*dataset["loss"].dims, "feature"}
    ok, dataset = dataset["status"] == status.STATUS.index("ok"), status.without_diverged(dataset)
    best, found = select.best_seed(dataset), {}
    for name, values in dataset.data_vars.items():
        if not set(values.dims) <= over or values.dtype.kind not in "fiub" or name in _NOT_MEASURED:
            continue
        own = {"best": best[name]}
        if seed in values.dims:
            if "flag_values" not in values.attrs:
                own |= {"mean": values.mean(seed), "spread": values.std(seed, ddof=1 if values.sizes[seed] > 1 else 0)}
            if "feature" not in values.dims:
                own["all"] = values
        found[str(name)] = own
    if seed is not None and not ok.all():
        found["ok_seeds"] = {"best": ok.sum(seed).assign_attrs(long_name="number of seeds that are trained and did not diverge")}
    return found


def _models(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    seed, curve = select.seed_dim(dataset), dataset["loss_curve"]
    dataset = status.without_diverged(dataset)
    most = _DIVERGING * dataset["loss_curve"].max()  # of models that did not diverge
    models = {}
    for end in ("", "_snapshots") if "snapshot" in dataset.dims else ("",):
        w, read = select.directions(dataset, end), select.read_out(dataset, end)
        models |= {f"W{end}": w, f"b{end}": dataset[f"b{end}"]} | ({} if read.equals(w) else {f"read_out{end}": read})
    models |= {name: dataset[name] for name in ("feature_norm", "superposition", "dimensionality")}
    if dataset.sizes["hidden"] > 3:
        models["basis"] = _principal(models["W"])
    models |= {name: dataset[name] for name in ("status", "diverged_at")}
    models |= {"loss_curve": curve.where(~(curve > most)), "importance": _importance(dataset)}
    if seed is not None:
        models["best"] = dataset["loss"].fillna(np.inf).argmin(seed)
    return models


def _principal(w: xr.DataArray) -> xr.DataArray:
    """The three directions of the hidden layer along which most of ‖W‖² lies, (…, hidden, axis)."""
    whole = w.transpose(..., "hidden", "feature").fillna(0.0)
    _, basis = np.linalg.eigh(whole.values @ np.swapaxes(whole.values, -1, -2))
    return xr.DataArray(basis[..., :-4:-1], dims=(*whole.dims[:-1], "axis"))


def _importance(dataset: xr.Dataset) -> xr.DataArray:
    """Importances I_i (…, feature), without the dimensions along which they are equal; NaN for files of older versions."""
    if "feature_importance" not in dataset:
        return xr.full_like(dataset["feature"].drop_vars("feature"), np.nan, float)
    values = dataset["feature_importance"]
    for dim in dataset["loss"].dims:
        first = values.isel({dim: 0}, drop=True)
        if ((values == first) | (values.isnull() & first.isnull())).all():
            values = first
    return values
