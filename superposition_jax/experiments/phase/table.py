"""The phase diagram in numbers: what becomes of the last, extra feature in every cell, beside the candidates of theory.

Elhage et al. 2022, "Superposition as a Phase Change".
"""

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
import xarray as xr

from superposition_jax.core.geometry import REPRESENTED
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments.phase import candidates
from superposition_jax.experiments.tables import retrain
from superposition_jax.results import labels, select, status

PHASES = ("not represented", "dedicated dimension", "superposition")
"""Meaning of the numbers 0, 1, 2 in variables named phase; −1 where there is no theory."""
_FLAGS = " ".join(name.replace(" ", "_") for name in (*PHASES, "all diverged"))
"""The same as the CF conventions say it of a variable."""
SHARED = 0.5
"""A represented feature is in superposition when Σ_{j≠i} (Ŵ_i·W_j)² is above this: 0 alone, 1 beside an antipode."""
REACHED = 0.01
"""A seed has reached the best loss of its cell when it is within this share of it."""
CLOSE = 1e-3


def classify(norm: np.ndarray, superposition: np.ndarray) -> np.ndarray:
    """Phase of a feature from its norm ‖W_i‖ and its superposition."""
    return np.where(norm > REPRESENTED, np.where(superposition > SHARED, 2, 1), 0).astype(np.int8)


def phase(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Phases of every cell, the share of seeds that found its best solution, and the candidates' losses.

    An optimised candidate is what training makes of the candidate's arrangement: its norms and biases at their best.
    """
    seeds, seed = dataset, select.seed_dim(dataset)
    if seed is None:
        seeds, seed = dataset.expand_dims("only_seed"), "only_seed"
    ok = seeds["status"] == status.STATUS.index("ok")
    loss, feature = seeds["loss"].where(ok, np.inf), seeds[["feature_norm", "superposition"]].isel(feature=-1, drop=True)
    best, number = loss.min(seed), xr.DataArray(np.arange(seeds.sizes[seed]), dims=seed)
    there = best < np.inf
    own = ~seeds["repaired"] if "repaired" in seeds else xr.ones_like(loss, bool)  # no seed's own success
    rest = feature.where(own & ok & (number != loss.argmax(seed))) if number.size > 1 else feature
    reached = own & (loss <= best * (1 + REACHED) + select.floor(seeds))
    words = ", ".join(f"{k} {name}" for k, name in enumerate(PHASES)) + ", −1 all diverged"
    found = {
        "best_loss": (best.where(there).astype(np.float32), "least loss over seeds"),
        "reached": (reached.mean([seed]).where(there).astype(np.float32), f"share of seeds within {REACHED:.0%} of it"),
        "phase": (_phase(feature.isel({seed: loss.argmin(seed)}), there), f"of the extra feature in the best seed's W: {words}"),
        "phase_mean": (_phase(rest.mean([seed]), there), f"the same of the mean over seeds without the worst: {words}"),
    }
    cells = select.cell_dims(dataset)
    table = xr.Dataset(
        {name: value.transpose(*cells).assign_attrs(long_name=meaning) for name, (value, meaning) in found.items()}
    )
    for name in ("phase", "phase_mean"):
        table[name].attrs |= {"flag_values": [*range(len(PHASES)), -1], "flag_meanings": _FLAGS}
    table = table.drop_vars(list(table.coords))
    if any(known for _, known in settings(dataset)):
        table = table.assign(_theory(dataset, trainer).transpose(*cells, "candidate").variables)
    return table.assign_attrs(findings="\n".join(_findings(dataset, table)))


def _phase(feature: xr.Dataset, there: xr.DataArray) -> xr.DataArray:
    return xr.apply_ufunc(classify, feature["feature_norm"], feature["superposition"]).where(there, -1).astype(np.int8)


def plane(dataset: xr.Dataset) -> tuple[str, str]:
    """Dimensions of the density and of the extra feature's importance."""
    (density, _), (importance, _) = (select.axis(dataset, path) for path in _paths(dataset))
    return density, importance


def coordinates(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Densities and importances of the extra feature along the plane's axes."""
    (_, density), (_, importance) = (select.axis(dataset, path) for path in _paths(dataset))
    return density, importance


def _paths(dataset: xr.Dataset) -> tuple[str, str]:
    return "data.density", f"data.importance.list.{dataset.sizes['feature'] - 1}"


_PAPERS = {
    "model.kind": "tied",
    "model.activation": "relu",
    "model.hidden_activation": "identity",
    "model.bias": True,
    "data.sets.kind": "independent",
    "target.kind": "identity",
    "train.penalty.kind": None,
    "train.adversarial": False,
}
"""What the candidates hold for."""


def settings(dataset: xr.Dataset) -> Iterator[tuple[dict[str, int], bool]]:
    """Every combination of the axes other than density and importance, and whether the paper's candidates hold there."""
    dims, shape = [d for d in select.cell_dims(dataset) if d not in plane(dataset)], _shape(dataset)
    for places in product(*(range(dataset.sizes[d]) for d in dims)):
        here = dict(zip(dims, places, strict=True))
        of = partial(select.leaf, dataset, here=here)
        papers = all(of(path, default=value) == value for path, value in _PAPERS.items())
        equal = set(of("data.importance.list")[:-1]) == {1.0}
        yield here, papers and equal and of("data.values.law") in candidates.PAIR_SQUARE and shape in candidates.CANDIDATES


def _shape(dataset: xr.Dataset) -> tuple[int, int]:
    return dataset.sizes["feature"], dataset.sizes["hidden"]


MEANINGS = {
    "candidate_loss": "loss of the paper's candidate solution",
    "optimised_loss": "loss of what training makes of the candidate's arrangement: norms and biases at their best",
    "optimised_norm": "‖W_i‖ of the extra feature in the optimised candidate",
    "optimised_superposition": "Σ_{j≠i} (Ŵ_i·W_j)² of the extra feature in the optimised candidate",
}


def _theory(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """`MEANINGS` for every cell and candidate, NaN where the candidates do not hold."""
    across, up = plane(dataset)
    others = [dim for dim in select.cell_dims(dataset) if dim not in (across, up)]
    names, cells = candidates.CANDIDATES[_shape(dataset)].names, (dataset.sizes[across], dataset.sizes[up])
    unknown = np.full((len(MEANINGS), *cells, len(names)), np.nan)
    found = [_candidates(dataset, here, trainer) if known else unknown for here, known in settings(dataset)]
    arrays = np.stack(found, axis=1).reshape(len(MEANINGS), *(dataset.sizes[d] for d in others), *unknown.shape[1:])
    dims = (*others, across, up, "candidate")
    variables = {
        name: (dims, values.astype(np.float32), {"long_name": MEANINGS[name]})
        for name, values in zip(MEANINGS, arrays, strict=True)
    }
    return xr.Dataset(variables, coords={"candidate": np.array(names)})


def _candidates(dataset: xr.Dataset, here: dict[str, int], trainer: Trainer) -> np.ndarray:
    """`MEANINGS` in one setting (4, density, importance, candidate); candidates that are no minima are trained on."""
    across, up = plane(dataset)
    sweep = dataset["status"]
    points = xr.DataArray(np.arange(sweep.size).reshape(sweep.shape), dims=sweep.dims).isel(here)
    points = points.isel({dim: 0 for dim in points.dims if dim not in (across, up)}).transpose(across, up).values
    p, r = np.meshgrid(*coordinates(dataset), indexing="ij")
    law = [select.leaf(dataset, f"data.values.{name}", here) for name in ("law", "exponent")]
    columns = []
    for name, loss in candidates.CANDIDATES[_shape(dataset)].losses(p, r, *law).items():
        norm, superposition = (np.full(loss.shape, value) for value in candidates.EXTRA[name])
        best = [loss, norm, superposition]
        if name in candidates.ARRANGEMENTS[_shape(dataset)]:
            w = np.array(candidates.ARRANGEMENTS[_shape(dataset)][name], np.float32)
            start = {"W": np.tile(w, (points.size, 1, 1)), "b": np.zeros((points.size, w.shape[1]), np.float32)}
            trained = retrain(trainer, points.ravel(), start, ("loss", "feature_norm", "superposition"))
            best = [trained["loss"], trained["feature_norm"][:, -1], trained["superposition"][:, -1]]
        columns.append([loss, *(value.reshape(loss.shape) for value in best)])
    return np.moveaxis(np.array(columns), 0, -1)


def theory(table: xr.Dataset, which: str) -> xr.Dataset:
    """Loss and phase of all candidates, and norm and superposition of their extra feature; `which`: candidate or optimised."""
    loss = table[f"{which}_loss"]
    if which == "candidate":
        extra = np.array([candidates.EXTRA[str(name)] for name in table["candidate"].values], np.float32)
        norm, superposition = (xr.DataArray(column, dims="candidate").broadcast_like(loss) for column in extra.T)
    else:
        norm, superposition = (table[f"optimised_{name}"] for name in ("norm", "superposition"))
    phase = xr.apply_ufunc(classify, norm, superposition).where(loss.notnull(), -1)
    return xr.Dataset({"loss": loss, "norm": norm, "superposition": superposition, "phase": phase})


def least(table: xr.Dataset, which: str) -> xr.Dataset:
    """`theory` of the candidate of least loss; NaN, and phase −1, where there is none."""
    every = theory(table, which)
    return every.isel(candidate=every["loss"].fillna(np.inf).argmin("candidate"))


def excess(table: xr.Dataset) -> xr.DataArray:
    """Best loss over seeds over the least optimised candidate's, minus 1."""
    return table["best_loss"] / least(table, "optimised")["loss"] - 1


def _findings(dataset: xr.Dataset, table: xr.Dataset) -> Iterator[str]:
    """What the table says of every setting, in sentences."""
    for here, known in settings(dataset):
        place = labels.place(dataset, here, ": ")
        seeds = (
            ""
            if select.seed_dim(dataset) is None
            else f"{float(table['reached'].isel(here).mean()):.1%} of seeds reach their cell's best loss"
        )
        said = [seeds, *(_agreement(dataset.isel(here), table.isel(here)) if known else ["no candidates are known"])]
        yield from (place + sentence for sentence in filter(None, said))


def _agreement(dataset: xr.Dataset, table: xr.Dataset) -> Iterator[str]:
    """How far training agrees with the candidates, in one setting."""
    optimised, paper, off = least(table, "optimised"), least(table, "candidate"), excess(table)
    there = table["phase"] >= 0
    if not there.any():
        return
    inside = there & ~boundary(optimised["phase"], plane(dataset))

    def share(what: xr.DataArray, among: xr.DataArray = there) -> str:
        return f"{float(what.where(among).mean()):.1%}"

    near, below, most = share(abs(off) <= CLOSE), share(off < -CLOSE), max(0.0, -float(off.min()))
    yield (
        f"best loss within 0.1 % of the least optimised candidate's in {near} of {int(there.sum()):,} cells, "
        f"lower in {below}, by up to {most:.1%}"
    )
    relative = dataset["loss_stderr"] / dataset["loss"]
    if (error := float(relative.where(dataset["loss"] > select.floor(dataset)).median())) > CLOSE:
        yield f"but losses are themselves uncertain by {error:.1%} (median): quadrature of this law is coarse"
    agrees = table["phase"] == optimised["phase"]
    away = f", {share(agrees, inside)} of the {int(inside.sum()):,} that are not at its boundary" if inside.any() else ""
    yield f"phase as the least optimised candidate's in {share(agrees)} of cells{away}"
    best, mean = share(table["phase"] == paper["phase"]), share(table["phase_mean"] == paper["phase"])
    yield f"phase as the paper's least candidate's in {best}; by its rule of averaging in {mean}"


def boundary(phase: xr.DataArray, plane: tuple[str, str]) -> xr.DataArray:
    """Cells that have another phase among themselves and their eight neighbours."""
    padded = phase.pad(dict.fromkeys(plane, 1), mode="edge")
    near = padded.rolling(dict.fromkeys(plane, 3), center=True).construct({dim: f"near_{dim}" for dim in plane})
    window = [f"near_{dim}" for dim in plane]
    inner = near.isel(dict.fromkeys(plane, slice(1, -1)))
    return inner.max(window) > inner.min(window)
