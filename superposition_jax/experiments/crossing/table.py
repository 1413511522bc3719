"""Where along an axis the best solution ceases to be two digons: in training, and by the optima of both arrangements."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from superposition_jax.core import evaluation, geometry, random, targets
from superposition_jax.engine.trainer import Trainer
from superposition_jax.experiments import components, per_model
from superposition_jax.experiments.crossing import DEAD, DIGONS, PENTAGON, SOLUTIONS
from superposition_jax.experiments.crossing.numeric import crossing_point, sign_change
from superposition_jax.experiments.wording import share_of_seeds
from superposition_jax.results import labels, select
from superposition_jax.theory.arrangements import ORDER, STEPS, Arrangement, arrangement, optimum
from superposition_jax.types import Hparams, Spec

_TURN = 2 * np.pi / 5
_CORNERS = (np.sin(_TURN), np.sin(2 * _TURN), 1.0, np.cos(_TURN), -np.cos(2 * _TURN))
ARRANGEMENTS = {
    PENTAGON: arrangement([[0, 1, 2, -2, -1], [3, 4, -5, -5, 4]], *_CORNERS),
    DIGONS: arrangement([[0, 1, -2, 0, 0], [0, 0, 0, 3, -4]], 1, 1, 1, 1),
}
"""The pentagon, symmetric about the first feature, and two digons of the others. The other features are alike."""


def crossing(dataset: xr.Dataset, trainer: Trainer) -> dict[str, Any]:
    """Whether a model is two digons, where on the axis the best seed ceases to be, and where the optima of two digons and of the
    pentagon cross, with the errors of all.

    Elhage et al. 2022, "Non-uniform superposition".
    """
    arrays: dict[str, Any] = per_model.on_host(
        dataset, trainer, lambda spec, hparams, results: {"digons": _is_two_digons(results["W"])}, "W"
    )
    (dim,), seed, loss = select.cell_dims(dataset), select.seed_dim(dataset), dataset["loss"]
    values = labels.values(dataset, dim).values
    if _is_known(dataset, trainer):
        arrays |= _solutions(dataset, dim, trainer) | {"solution": np.array(SOLUTIONS)}
        for name, which in {"crossing_optimised": DIGONS, "crossing_dead": DEAD}.items():
            both = [SOLUTIONS.index(which), SOLUTIONS.index(PENTAGON)]
            digons, pentagon = arrays["solution_loss"][:, both].T
            error = np.hypot(*(arrays["solution_error"][:, both] / arrays["solution_loss"][:, both]).T)
            ahead, order = np.log(digons / pentagon), np.argsort(values)
            places = [np.exp(sign_change(np.log(values[order]), (ahead + shift)[order])) for shift in (0, error)]
            arrays |= {name: places[0], f"{name}_error": abs(places[1] - places[0])}
    if seed is None:
        return arrays | {"crossing": np.nan, "crossing_error": np.nan}
    digons = loss.copy(data=(arrays["digons"] == 1).reshape(loss.shape))
    by_place = [v.transpose(dim, seed) for v in (loss.fillna(np.inf), dataset["loss_stderr"].fillna(0), digons)]
    place, error = crossing_point(values, *by_place)
    return arrays | {"crossing": place, "crossing_error": error}


def _is_two_digons(w: np.ndarray) -> bool:
    graph = components.components(w)
    return sorted(zip(graph.points.tolist(), graph.dimension.tolist(), strict=True)) == [(0, 0), *[(2, 1)] * 4]


def _is_known(dataset: xr.Dataset, trainer: Trainer) -> bool:
    """Whether `ARRANGEMENTS` are solutions: the paper's model of five features in a plane, of which only the first may differ."""
    keys = ("n_features", "n_hidden", "kind", "activation", "hidden_activation", "bias", "correlation", "target", "penalty")
    papers = all(getattr(g.spec, key) == getattr(Spec(5, 2), key) for g in trainer.groups for key in (*keys, "adversarial"))
    others = dataset[["feature_density", "feature_importance"]].isel(feature=slice(1, None))
    return papers and all(bool((values == values.isel(feature=0)).all()) for values in others.values())


def _solutions(dataset: xr.Dataset, dim: str, trainer: Trainer) -> per_model.Arrays:
    """Losses of `SOLUTIONS` at every place on the axis, (place, solution), and their errors.

    The error is that of evaluation, and what the search for the minimum gains by twice the steps and nodes.
    """
    sweep = dataset["status"]
    points = sweep.copy(data=np.arange(sweep.size).reshape(sweep.shape)).transpose(dim, ...).values.reshape(sweep.sizes[dim], -1)

    def one(hparams: Hparams, within: Arrangement, *, spec: Spec) -> dict[str, Array]:
        params, shorter = (optimum(within, hparams, spec=spec, order=ORDER // k, steps=STEPS // k) for k in (1, 2))
        fine, coarse = (evaluation.evaluate(random.key(0), hparams, minimum, spec=spec) for minimum in (params, shorter))
        error = fine["loss_stderr"] + jnp.abs(fine["loss"] - coarse["loss"])
        mean, _ = targets.moments(hparams, spec=spec)
        drops = geometry.feature_norm(params["W"])[0] <= geometry.REPRESENTED
        return {"loss": fine["loss"], "error": error, "dead": hparams.importance[0] * mean[0] ** 2, "drops": drops}

    both = zip(ARRANGEMENTS[PENTAGON], ARRANGEMENTS[DIGONS], strict=True)
    within = Arrangement(*(np.repeat(np.stack(parts), len(points), axis=0) for parts in both))
    results = per_model.at_points(trainer, np.tile(points[:, 0], 2), one, within)
    loss, error, dead, drops = (results[name].reshape(2, -1) for name in ("loss", "error", "dead", "drops"))
    pentagon = np.where(drops[0], np.nan, loss[0])
    losses, errors = {PENTAGON: pentagon, DIGONS: loss[1], DEAD: loss[1] + dead[1]}, {PENTAGON: error[0]}
    return {
        "solution_loss": np.stack([losses[solution] for solution in SOLUTIONS], axis=1),
        "solution_error": np.stack([errors.get(solution, error[1]) for solution in SOLUTIONS], axis=1),
    }


def findings(dataset: xr.Dataset) -> Iterator[str]:
    """The crossing in training, if there is one, and that of the optima."""
    dim, seed = select.cell_dims(dataset)[0], select.seed_dim(dataset)
    axis = labels.label(dataset, dim)
    if seed is not None:
        change = f"best seeds: two digons up to {axis} = {with_error(dataset, 'crossing')}, another solution beyond"
        is_known = np.isfinite(dataset["crossing"])
        yield change if is_known else "the best seeds do not change from two digons to another solution"
    if "crossing_optimised" not in dataset or not np.isfinite(dataset["crossing_optimised"]):
        return
    yield f"optima of two digons and of the pentagon cross at {axis} = {with_error(dataset, 'crossing_optimised')}"
    apart = np.abs(np.log(labels.values(dataset, dim).values / float(dataset["crossing_optimised"])))
    cell = dataset[["digons", "dead_outputs"]].isel({dim: int(apart.argmin())})
    if seed is not None and (digons := cell["digons"] == 1).any():
        share = share_of_seeds(cell["dead_outputs"].isel({seed: digons.values}) > 0)
        dead = f"with a dead output, as in {share} with two digons next to that, they cross at"
        yield f"{dead} {with_error(dataset, 'crossing_dead')}"


def with_error(dataset: xr.Dataset, name: str) -> str:
    """A crossing with its error, to the digits that this leaves."""
    place, error = float(dataset[name]), float(dataset[f"{name}_error"])
    digits = max(0, int(np.ceil(-np.log10(error)))) if 0 < error < 1 else 4
    return f"{place:.{digits}f} ± {error:.{digits}f}"
