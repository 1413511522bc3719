"""The arrays in a page: measures over the sweep, what is drawn of single models, and both as text.

Text is base64 of little-endian numbers, with two bytes each where three digits are enough.
"""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.config import run_config
from superposition_jax.results import select, status

_NOT_MEASURED = ("status", "diverged_at", "feature_density", "feature_importance")
"""Variables that the page shows in other ways than as a measure."""
_DIVERGING = 1e3
"""Limit of a diverging loss curve, relative to the greatest of the others; larger values would cost these their precision."""


class Arrays(NamedTuple):
    """The arrays in a page."""

    measures: dict[str, dict[str, xr.DataArray]]
    """Measures of models or features by name, each as `best` (the best seed's), `mean`, `spread` and `all` (of all seeds)."""
    models: dict[str, xr.DataArray]
    """Arrays that are drawn of one model, by name."""

    @property
    def size(self) -> int:
        """Bytes that the arrays take in the page."""
        return sum(map(size, self.models.values())) + sum(size(v) for by_key in self.measures.values() for v in by_key.values())

    @classmethod
    def of(cls, dataset: xr.Dataset) -> "Arrays":
        """All arrays of a run."""
        return cls(_measures(dataset), _models(dataset))

    def map(self, change: Callable[[xr.DataArray], xr.DataArray]) -> "Arrays":
        """The results of a function of every array."""
        measures = {name: {key: change(v) for key, v in by_key.items()} for name, by_key in self.measures.items()}
        return Arrays(measures, {name: change(values) for name, values in self.models.items()})


def _measures(dataset: xr.Dataset) -> dict[str, dict[str, xr.DataArray]]:
    seed, dims = select.seed_dim(dataset), {*dataset["loss"].dims, "feature"}
    ok, dataset = dataset["status"] == status.STATUS.index("ok"), status.without_diverged(dataset)
    best, measures = select.best_seed(dataset), {}
    for name, values in dataset.data_vars.items():
        if not set(values.dims) <= dims or values.dtype.kind not in "fiub" or name in _NOT_MEASURED:
            continue
        by_key = {"best": best[name]}
        if seed in values.dims:
            if "flag_values" not in values.attrs:
                by_key |= {"mean": values.mean(seed), "spread": values.std(seed, ddof=1 if values.sizes[seed] > 1 else 0)}
            if "feature" not in values.dims:
                by_key["all"] = values
        measures[str(name)] = by_key
    if seed is not None and not ok.all():
        meaning = "number of seeds that are trained and did not diverge"
        measures["ok_seeds"] = {"best": ok.sum(seed).assign_attrs(long_name=meaning)}
    return measures


def _models(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    seed, curve = select.seed_dim(dataset), dataset["loss_curve"]
    dataset = status.without_diverged(dataset)
    most = _DIVERGING * dataset["loss_curve"].max()  # of models that did not diverge
    models = {}
    for end in ("", "_snapshots") if "snapshot" in dataset.dims else ("",):
        w, read = select.directions(dataset, end), select.read_out(dataset, end)
        models |= {f"W{end}": w, f"b{end}": dataset[f"b{end}"]} | ({} if read.equals(w) else {f"read_out{end}": read})
    models |= {name: dataset[name] for name in ("feature_norm", "superposition", "dimensionality")}
    models |= {"basis": _principal(models["W"])} if dataset.sizes["hidden"] > 3 else {}
    models |= {name: dataset[name] for name in ("status", "diverged_at")}
    models |= {"loss_curve": curve.where(~(curve > most)), "importance": _importance(dataset)}
    return models | ({} if seed is None else {"best": select.best_place(dataset, seed)})


def _principal(w: xr.DataArray) -> xr.DataArray:
    """The three axes of the hidden layer with most of ‖W‖², (…, hidden, axis)."""
    w = w.transpose(..., "hidden", "feature").fillna(0.0)
    _, basis = np.linalg.eigh(w.values @ np.swapaxes(w.values, -1, -2))
    return xr.DataArray(basis[..., :-4:-1], dims=(*w.dims[:-1], "axis"))


def _importance(dataset: xr.Dataset) -> xr.DataArray:
    """Importances I_i (…, feature), without the dimensions along which they are equal."""
    values = dataset["feature_importance"] if "feature_importance" in dataset else _configured_importance(dataset)
    for dim in dataset["loss"].dims:
        first = values.isel({dim: 0}, drop=True)
        if ((values == first) | (values.isnull() & first.isnull())).all():
            values = first
    return values


def _configured_importance(dataset: xr.Dataset) -> xr.DataArray:
    """Each feature's importance from the config, for a Dataset of a version that did not store it; NaN for a selection."""
    config = run_config.read(select.config(dataset) | {"imports": [], "tables": [], "figures": []})
    if config.grid.sizes != dict(dataset["status"].sizes):
        return xr.full_like(dataset["feature"].drop_vars("feature"), np.nan, float)
    values = np.full((config.grid.n_points, dataset.sizes["feature"]), np.nan)
    for group in config.groups:
        values[group.points, : group.spec.n_features] = group.hparams.importance
    return xr.DataArray(config.grid.unravel(values), dims=(*dataset["status"].dims, "feature"))


def pack(values: xr.DataArray) -> dict[str, Any]:
    """An array as text, with its dimensions, shape, kind of numbers and scale.

    Integers stay integers, single numbers of models are float32, and others are float16 times a power of two. Numbers that are
    not finite become NaN.
    """
    numbers, scale, kind = values.values, 1.0, width(values)
    if kind[0] == "f":
        numbers = np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64)
    if kind == "f2":
        most = np.nanmax(np.abs(numbers), initial=0.0)
        scale = 2.0 ** np.ceil(np.log2(most / 2**15)) if most > 0 else 1.0  # numbers down to 2⁻²⁹ of it keep three digits
    content = np.ascontiguousarray(numbers / scale if kind[0] == "f" else numbers, dtype=f"<{kind}").tobytes()
    text = base64.b64encode(content).decode("ascii")
    return {"dims": list(values.dims), "shape": list(values.shape), "kind": kind, "scale": scale, "data": text}


def width(values: xr.DataArray) -> str:
    """The kind and size in which numbers are stored, as `f4`."""
    if values.dtype.kind in "biu":
        most = max(abs(int(values.max())), abs(int(values.min()))) if values.size else 0
        return next(kind for kind, above in (("i1", 2**7), ("i2", 2**15), ("i4", np.inf)) if most < above)
    return "f2" if {"feature", "hidden", "step"} & set(values.dims) else "f4"


def size(values: xr.DataArray) -> int:
    """Bytes that an array takes in a page, as base64."""
    return -(-values.size * int(width(values)[1]) // 3) * 4
