"""Which levels of the hypothesis a model is on: decomposable, linear, without superposition, basis-aligned, monosemantic."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model
from superposition_jax.experiments.hierarchy import LEVELS, numeric
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select

_ARCHITECTURE = ("model.kind", "model.activation", "model.hidden_activation", "target.kind", "data.values.law")
_TARGETS = {"abs": "|x|", "square": "x²", "max": "max(xᵢ, xᵢ₊₁)"}


def hierarchy(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """How decomposable, linear, basis-aligned and monosemantic h is, as trained and after a random rotation, and its levels.

    Elhage et al. 2022, "Definitions and Motivation".
    """
    arrays = per_model.compiled(dataset, trainer, numeric.describe)
    trained = {name: values[:, 0] for name, values in arrays.items()}
    trained |= {name: per_model.flat(dataset[name], dataset) for name in ("represented", "rank")}
    levels = np.stack([is_on(trained) for _, is_on in LEVELS.values()], axis=1)
    return arrays | {"on_level": levels.astype(np.float32), "basis": [*numeric.BASES], "level": [*LEVELS]}


def title(dataset: xr.Dataset, place: Mapping[str, int]) -> str:
    """The formula of a cell's models, `ReLU(WᵀWx + b)`, and the cell's place on axes that the formula does not show."""
    kind, f, g, target, bias = (select.leaf(dataset, path, place) for path in (*_ARCHITECTURE[:4], "model.bias"))
    into, out = ("W", "Wᵀ") if kind == "tied" else ("Wᵢₙ", "Wₒᵤₜᵀ")
    formula = _applied(f, f"{out}{_applied(g, f'{into}x')}{' + b' if bias else ''}")
    computed = f"{_TARGETS.get(target, target)} by " if target != "identity" else ""
    rest = {dim: k for dim, k in place.items() if not {*select.paths(dataset, dim)} <= {*_ARCHITECTURE}}
    return computed + formula + (f", {labels.place(dataset, rest)}" if rest else "")


def _applied(activation: str, z: str) -> str:
    return z if activation == "identity" else f"{'ReLU' if activation == 'relu' else activation}({z})"


def kinds(dataset: xr.Dataset, along: str | None) -> list[dict[str, int]]:
    """Places on the axes other than `along` and the seeds'."""
    return [place for place, _ in select.cells(dataset[["loss"]].isel({along: 0} if along else {}, drop=True))]


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The measures of every cell, and the levels that most seeds are not on."""
    names = [str(name) for name, values in dataset.data_vars.items() if values.dims == (*dataset["status"].dims, "basis")]
    for place, cell in select.ok_cells(dataset, *names, "represented", "rank", "condition"):
        trained, turned = (cell.isel(basis=k) for k in (0, 1))
        worse = xr.apply_ufunc(np.log10, turned["basis_loss"] / trained["basis_loss"])
        share = float((cell["rank"] == int(select.leaf(dataset, "model.n_features", place))).mean())
        invertible = {0.0: "singular", 1.0: "invertible"}.get(share, f"invertible in {share:.0%}")
        yield (
            f"{title(dataset, place)}: R² {mean_error(trained['linear_share'], '.3f')}, "
            f"interactions {mean_error(trained['interaction_share'], '.1f', 100)} % of Var h, "
            f"{cell['represented'].median():g} features at rank {cell['rank'].median():g} "
            f"(condition {cell['condition'].median():.3g}, WᵀW {invertible}), "
            f"alignment {mean_error(trained['aligned'], '.2f')} (z = {mean_error(trained['aligned_z'], '.1f')}), "
            f"{mean_error(trained['features_a_neuron'], '.1f')} features a neuron, "
            f"information {mean_error(trained['information_share'], '.2f')}, "
            f"log₁₀ loss up by {mean_error(worse, '.2f')} by a rotation"
        )
    along, seed = select.across(dataset), select.seed_dim(dataset)
    share = dataset["on_level"] if seed is None else dataset["on_level"].mean(seed)
    for place in kinds(dataset, along):
        missed = [_where(dataset, along, share.isel(place | {"level": k}).values, name) for k, name in enumerate(LEVELS)]
        yield f"{title(dataset, place)}: levels that most seeds are not on: {'; '.join(filter(None, missed)) or 'none'}"


def _where(dataset: xr.Dataset, along: str | None, share: np.ndarray, level: str) -> str:
    """Where most seeds are not on a level: `linear at 1 − S = 0.3, 0.1`, `linear everywhere`, or nothing."""
    missed = np.flatnonzero(np.atleast_1d(share) < 0.5)
    if along is None or missed.size == share.size:
        return f"{level} everywhere" if missed.size else ""
    words = [labels.label(dataset, along, k) for k in missed]
    return f"{level} at {', '.join(words[:1] + [word.split('= ')[-1] for word in words[1:]])}" if words else ""
