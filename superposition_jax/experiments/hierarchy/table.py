"""Which levels of the hypothesis a model is on: decomposable, linear, without superposition, basis-aligned, monosemantic."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import per_model as models
from superposition_jax.experiments.hierarchy import numeric as representation
from superposition_jax.experiments.tables import told
from superposition_jax.experiments.wording import mean_error
from superposition_jax.results import labels, select
from superposition_jax.types import Measure

MEASURES = {
    "linear_share": Measure(("basis",), "R² of h ≈ Σ x_i d_i and a constant, with the best d_i"),
    "interaction_share": Measure(("basis",), "1 − Σ_i Var E[h | x_i] / Var h: what several features make of h together"),
    "aligned": Measure(("basis",), "mean alignment of represented features"),
    "aligned_z": Measure(
        ("basis",), f"standard deviations of aligned from the mean of {representation.ROTATIONS} random rotations"
    ),
    "aligned_above": Measure(("basis",), "share of these rotations that are less aligned"),
    "neuron_features": Measure(("basis", "hidden"), "(Σ V)² / Σ V² of the features' shares V_i = Var E[h_k | x_i] in a neuron"),
    "features_a_neuron": Measure(("basis",), "mean of neuron_features, weighted by Var h_k"),
    "information": Measure(("basis", "hidden", "feature"), "mutual information of h_k and whether x_i is on, bits"),
    "information_share": Measure(
        ("basis",), "max_i information / max(H(x_i on), H(h_k on)), mean weighted by Var h_k; NaN where features are always on"
    ),
    "basis_loss": Measure(("basis",), "loss as trained, and after a random rotation of the hidden layer"),
}


class Level(NamedTuple):
    """What is asked of a model there, in words and of a Dataset."""

    words: str
    holds: Callable[[xr.Dataset], xr.DataArray]


LEVELS = {
    "decomposable": Level("interaction_share < 0.05", lambda found: found["interaction_share"] < 0.05),
    "linear": Level("linear_share > 0.95", lambda found: found["linear_share"] > 0.95),
    "not superposed": Level("represented ≤ rank", lambda found: found["represented"] <= found["rank"]),
    "partially aligned": Level("aligned_above > 0.975", lambda found: found["aligned_above"] > 0.975),
    "basis-aligned": Level("aligned > 0.9", lambda found: found["aligned"] > 0.9),
    "monosemantic": Level("features_a_neuron < 1.5", lambda found: found["features_a_neuron"] < 1.5),
}
"""The paper's levels in its order; a basis is privileged where columns of W are sparser in it than in rotated ones."""
_ARCHITECTURE = ("model.kind", "model.activation", "model.hidden_activation", "target.kind", "data.values.law")
_TARGETS = {"abs": "|x|", "square": "x²", "max": "max(xᵢ, xᵢ₊₁)"}


def hierarchy(dataset: xr.Dataset, trainer: Trainer) -> xr.Dataset:
    """Measures of `representation`, as trained and after a random rotation of the hidden layer, and the levels that follow.

    Elhage et al. 2022, "Definitions and Motivation".
    """
    table = models.each(dataset, trainer, representation.describe, MEASURES)
    found = dataset.assign(table.variables).isel(basis=0)
    kept = xr.concat([level.holds(found).astype("float32") for level in LEVELS.values()], "level")
    meaning = "whether a model is " + ", ".join(f"{name} ({level.words})" for name, level in LEVELS.items())
    kept = kept.drop_vars(list(kept.coords)).transpose(*found["status"].dims, "level").assign_attrs(long_name=meaning)
    table = table.assign(kept=kept).assign_coords(basis=[*representation.BASES], level=[*LEVELS])
    return told(dataset, table, _findings)


def title(dataset: xr.Dataset, here: Mapping[str, int]) -> str:
    """A model at a place of the sweep by its formula, and the place on axes that the formula does not say."""
    kind, f, g, target, bias = (select.leaf(dataset, path, here) for path in (*_ARCHITECTURE[:4], "model.bias"))
    into, out = ("W", "Wᵀ") if kind == "tied" else ("Wᵢₙ", "Wₒᵤₜᵀ")
    formula = _applied(f, f"{out}{_applied(g, f'{into}x')}{' + b' if bias else ''}")
    computed = f"{_TARGETS.get(target, target)} by " if target != "identity" else ""
    rest = {dim: k for dim, k in here.items() if not _paths(dataset, dim) <= set(_ARCHITECTURE)}
    return computed + formula + (f", {labels.place(dataset, rest)}" if rest else "")


def _applied(activation: str, z: str) -> str:
    return z if activation == "identity" else f"{'ReLU' if activation == 'relu' else activation}({z})"


def _paths(dataset: xr.Dataset, dim: str) -> set[str]:
    return {str(c.attrs.get("long_name")) for c in dataset.coords.values() if c.dims == (dim,)}


def kinds(dataset: xr.Dataset, along: str | None) -> list[dict[str, int]]:
    """Places on the axes other than `along` and the seed's."""
    few = dataset[["loss"]]
    return [here for here, _ in select.cells(few if along is None else few.isel({along: 0}, drop=True))]


def _findings(dataset: xr.Dataset) -> Iterator[str]:
    names = [name for name, measure in MEASURES.items() if measure.dims == ("basis",)]
    few = dataset[[*names, "represented", "rank", "condition", "loss"]]
    for here, cell in select.cells(few):
        n = int(select.leaf(dataset, "model.n_features", here))
        trained, turned = ({name: values.values for name, values in cell.isel(basis=k).items()} for k in (0, 1))
        worse = np.log10(turned["basis_loss"] / trained["basis_loss"])
        yield (
            f"{title(dataset, here)}: R² {mean_error(trained['linear_share'], '.3f')}, "
            f"interactions {mean_error(trained['interaction_share'], '.1f', 100)} % of Var h, "
            f"{cell['represented'].median():g} features at rank {cell['rank'].median():g} "
            f"(condition {cell['condition'].median():.3g}, WᵀW {_invertible(cell, n)}), "
            f"alignment {mean_error(trained['aligned'], '.2f')} (z = {mean_error(trained['aligned_z'], '.1f')}), "
            f"{mean_error(trained['features_a_neuron'], '.1f')} features a neuron, "
            f"information {mean_error(trained['information_share'], '.2f')}, "
            f"log₁₀ loss up by {mean_error(worse, '.2f')} by a rotation"
        )
    along, seed = select.across(dataset), select.seed_dim(dataset)
    share = dataset["kept"] if seed is None else dataset["kept"].mean(seed)
    for here in kinds(dataset, along):
        lost = [_where(dataset, along, share.isel(here | {"level": k}).values, name) for k, name in enumerate(LEVELS)]
        yield f"{title(dataset, here)}: levels that most seeds are not on: {'; '.join(filter(None, lost)) or 'none'}"


def _invertible(cell: xr.Dataset, n: int) -> str:
    share = float((cell["rank"] == n).mean())
    return {0.0: "singular", 1.0: "invertible"}.get(share, f"invertible in {share:.0%}")


def _where(dataset: xr.Dataset, along: str | None, share: np.ndarray, level: str) -> str:
    """`linear at 1 − S = 0.3, 0.1`, `linear everywhere`, or nothing."""
    lost = np.flatnonzero(np.atleast_1d(share) < 0.5)
    if along is None or lost.size == share.size:
        return f"{level} everywhere" if lost.size else ""
    words = [labels.label(dataset, along, k) for k in lost]
    return f"{level} at {', '.join(words[:1] + [word.split('= ')[-1] for word in words[1:]])}" if words else ""
