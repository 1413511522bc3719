"""How features of one set lie to one another, and to those of other sets."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from superposition_jax.core import sets
from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.wording import share
from superposition_jax.results import labels, select

_MEANINGS = {
    "within": "mean of Ŵ_i·Ŵ_j over represented pairs of one set",
    "within_square": "mean of (Ŵ_i·Ŵ_j)² over represented pairs of one set",
    "across_square": "mean of (Ŵ_i·Ŵ_j)² over represented pairs of different sets",
}


def partners(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Cosines between features of a set, and between sets. Elhage et al. 2022, "Correlated and anticorrelated features"."""
    sweep = dataset["status"]
    flat = {name: np.full(sweep.size, np.nan, np.float32) for name in _MEANINGS}
    w = (
        select.directions(dataset)
        .transpose(*sweep.dims, "hidden", "feature")
        .fillna(0.0)
        .values.reshape(sweep.size, -1, dataset.sizes["feature"])
    )
    for group in trainer.groups:
        owner = sets.owner(group.spec.sets)
        same = owner[:, None] == owner[None, :]
        one = np.triu(np.ones_like(same), 1)
        for point in group.points:
            norm = np.linalg.norm(w[point], axis=0)
            there = np.outer(norm > REPRESENTED, norm > REPRESENTED) & one.astype(bool)
            cosine = (w[point].T @ w[point]) / np.maximum(np.outer(norm, norm), 1e-12)
            flat["within"][point] = _mean(cosine[there & same])
            flat["within_square"][point] = _mean(cosine[there & same] ** 2)
            flat["across_square"][point] = _mean(cosine[there & ~same] ** 2)
    variables = {name: (sweep.dims, values.reshape(sweep.shape), {"long_name": _MEANINGS[name]}) for name, values in flat.items()}
    table = xr.Dataset(variables)
    return table.assign_attrs(findings="\n".join(_findings(dataset.assign(table.variables))))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    for here, cell in select.cells(dataset[[*_MEANINGS, "loss"]]):
        place = labels.place(dataset, here, ", ")
        within, loss = (np.atleast_1d(cell[name].values) for name in ("within", "loss"))
        if not np.isfinite(within).any():
            yield f"{place}partners: no two of a set are represented"
            continue
        counts = {
            "antipodal": within < -0.8,
            "orthogonal": np.abs(within) < 0.2,
            "60° apart": np.abs(within - 0.5) < 0.2,
            "side by side": within > 0.8,
        }
        said = ", ".join(f"{name} in {share(int(found.sum()), found.size)}" for name, found in counts.items() if found.any())
        best = within[np.argmin(np.nan_to_num(loss, nan=np.inf))]
        inside, across = (_median(cell[name].values) for name in ("within_square", "across_square"))
        yield (
            f"{place}partners {said or 'in no regular position'}; best seed's cosine {best:.2f}; "
            f"median squared cosine {inside:.3f} within sets, {across:.3f} across"
        )


def _median(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan
