"""What a page holds of a Dataset: axes, measures over them, every model's geometry; less of it where it would be too large."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from superposition_jax import labels, results
from superposition_jax.explorer import command
from superposition_jax.explorer.packing import pack, size
from superposition_jax.schema import IMPORTANCES

MOST_BYTES = 20_000_000
"""Of the arrays in a page, about."""
_LOG = 20
"""Ratio of an axis's values from which it is logarithmic, as in figures."""
_NO_MEASURE = ("status", "diverged_at")


class Share(NamedTuple):
    """How much of a Dataset a page holds."""

    every_seed: bool = True
    snapshots: bool = True
    seeds_numbers: bool = True
    every: int = 1
    """Of the longest axis, every which place."""

    @property
    def words(self) -> str:
        """What is left out, in words; empty if nothing."""
        left = [
            "" if self.every_seed else "weights and curves are those of each cell's best seed",
            "" if self.snapshots else "without snapshots of training",
            "" if self.seeds_numbers else "without the numbers of single seeds",
            "" if self.every == 1 else f"of the longest axis one place in {self.every}",
        ]
        return "; ".join(filter(None, left))


def _shares(dataset: xr.Dataset) -> Iterator[Share]:
    """From all to less and less."""
    yield Share()
    yield Share(every_seed=False)
    yield Share(every_seed=False, snapshots=False)
    least = Share(every_seed=False, snapshots=False, seeds_numbers=False)
    yield least
    longest = max((dataset.sizes[dim] for dim in labels.cell_dims(dataset)), default=1)
    yield from (least._replace(every=every) for every in range(2, longest + 1))


def content(dataset: xr.Dataset, most: int = MOST_BYTES) -> dict[str, Any]:
    """All that the page shows, as plain values: as much of a Dataset as takes less than `most` bytes."""
    seed = labels.seed_dim(dataset)
    dataset = results.without_diverged(dataset)
    for share in _shares(dataset):
        whole = _thin(dataset, share.every)
        measures, models = _measures(whole, share), _models(whole, share)
        if sum(size(v) for v in (*models.values(), *(v for m in measures.values() for v in m.values()))) <= most:
            break
    axes = [_axis(whole, dim) for dim in map(str, whole["loss"].dims)]
    paths = [coordinate["path"] for axis in axes for coordinate in axis["coordinates"]]
    return {
        "name": dataset.attrs.get("name", ""),
        "axes": axes,
        "seed": seed,
        "left_out": share.words,
        "measures": [
            {"name": name, **_meaning(dataset[name]), "values": {key: pack(values) for key, values in own.items()}}
            for name, own in measures.items()
        ],
        "models": {name: pack(values) for name, values in models.items()},
        "steps": {dim: dataset[dim].values.tolist() for dim in ("step", "snapshot") if dim in dataset.dims},
        "overrides": command.overrides(dataset, paths),
        "findings": [line for line in dataset.attrs.get("findings", "").split("\n") if line],
    }


def _thin(dataset: xr.Dataset, every: int) -> xr.Dataset:
    dims = labels.cell_dims(dataset)
    return dataset.isel({max(dims, key=lambda dim: dataset.sizes[dim]): slice(None, None, every)}) if every > 1 else dataset


def _measures(dataset: xr.Dataset, share: Share) -> dict[str, dict[str, xr.DataArray]]:
    """Numbers of every model, or of its features, by name: of the best seed, mean and spread over seeds, and of all seeds."""
    seed, over = labels.seed_dim(dataset), {*dataset["loss"].dims, "feature"}
    best, found = labels.best_seed(dataset), {}
    for name, values in dataset.data_vars.items():
        if not set(values.dims) <= over or values.dtype.kind not in "fiub" or name in _NO_MEASURE:
            continue
        own = {"best": best[name]}
        if seed in values.dims:
            if "flag_values" not in values.attrs:
                own |= {"mean": values.mean(seed), "spread": values.std(seed, ddof=1 if values.sizes[seed] > 1 else 0)}
            if share.seeds_numbers and "feature" not in values.dims:
                own["all"] = values
        found[str(name)] = own
    return found


def _models(dataset: xr.Dataset, share: Share) -> dict[str, xr.DataArray]:
    """What is drawn of one model, by name."""
    seed = labels.seed_dim(dataset)
    kept = dataset if share.every_seed else labels.best_seed(dataset)
    w, read = labels.directions(kept), labels.read_out(kept)
    names = ("b", "feature_norm", "superposition", "dimensionality", "loss_curve")
    models = {"W": w} | ({} if read.equals(w) else {"read_out": read}) | {name: kept[name] for name in names if name in kept}
    if "snapshot" in kept.dims and share.snapshots:
        models["W_snapshots"] = labels.directions(kept, "_snapshots")
        models["b_snapshots"] = kept["b_snapshots"]
    if kept.sizes["hidden"] > 3:
        models |= _principal(w)
    numbers = dataset if share.seeds_numbers else labels.best_seed(dataset)
    models |= {"status": numbers["status"], "diverged_at": numbers["diverged_at"], "importance": _importance(dataset)}
    if seed is not None:
        models["best"] = dataset["loss"].fillna(np.inf).argmin(seed)
    return models


def _principal(w: xr.DataArray) -> dict[str, xr.DataArray]:
    """The three directions of the hidden layer along which most of ‖W‖² lies, (…, hidden, axis), and their shares of it."""
    whole = w.transpose(..., "hidden", "feature").fillna(0.0)
    squares, basis = np.linalg.eigh(whole.values @ np.swapaxes(whole.values, -1, -2))
    total = np.maximum(squares.sum(-1, keepdims=True), np.finfo(float).tiny)
    dims = whole.dims[:-2]
    return {
        "basis": xr.DataArray(basis[..., :-4:-1], dims=(*dims, "hidden", "axis")),
        "basis_share": xr.DataArray((squares / total)[..., :-4:-1], dims=(*dims, "axis")),
    }


def _importance(dataset: xr.Dataset) -> xr.DataArray:
    """Importances I_i of the features (…, feature), over the axes that change them."""
    given, i = labels.leaf(dataset, "data.importance.list", {}), dataset["feature"].drop_vars("feature")
    if given:
        values = xr.DataArray(np.array(given, float), dims="feature")
        for coordinate in dataset.coords.values():
            path, _, entry = coordinate.attrs.get("long_name", "").rpartition(".")
            if path == "data.importance.list":
                values = xr.where(i == int(entry), coordinate.variable, values)
        return values.transpose(..., "feature")
    paths = ("model.n_features", "data.importance.kind", "data.importance.decay")
    dims = list(dict.fromkeys(labels.axis(dataset, path)[0] for path in paths if labels.varies(dataset, path)))
    found = np.full([*(dataset.sizes[dim] for dim in dims), i.size], np.nan)
    for places in product(*(range(dataset.sizes[dim]) for dim in dims)):
        here = dict(zip(dims, places, strict=True))
        n, kind, decay = (labels.leaf(dataset, path, here) for path in paths)
        found[places][:n] = IMPORTANCES[kind](np.arange(n), n, np.float64(decay))
    return xr.DataArray(found, dims=(*dims, "feature"))


def _axis(dataset: xr.Dataset, dim: str) -> dict[str, Any]:
    """A dimension of the sweep: its name for people, values, scale, and the leaves of the config that vary along it."""
    coordinate = labels.values(dataset, dim)
    values = coordinate.values
    numeric = values.dtype.kind in "fiu" and len(set(values.tolist())) == len(values) > 1
    log = numeric and values.min() > 0 and values.max() / values.min() >= _LOG
    along = [c for c in dataset.coords.values() if c.dims == (dim,) and not c.attrs.get("long_name", "1 −").startswith("1 −")]
    return {
        "dim": dim,
        "name": labels.label(dataset, dim),
        "values": values.tolist(),
        "scale": "log" if log else "linear" if numeric else "band",
        "falling": coordinate.name == "density",
        "coordinates": [{"path": c.attrs["long_name"], "values": [command.text(v) for v in c.values.tolist()]} for c in along],
    }


def _meaning(values: xr.DataArray) -> dict[str, Any]:
    """A measure in words, and its classes if it has some."""
    told = {"meaning": values.attrs.get("long_name", ""), "feature": "feature" in values.dims}
    if "flag_values" in values.attrs:
        words = [word.replace("_", " ") for word in values.attrs["flag_meanings"].split()]
        told["classes"] = dict(zip(map(int, values.attrs["flag_values"]), words, strict=True))
    elif values.dtype.kind == "b":
        told["classes"] = {0: "no", 1: "yes"}
    return told
