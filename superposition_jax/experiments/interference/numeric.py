"""Interference in one model: false activations of features that are off, inputs that look alike, and what interference costs.

Elhage et al. 2022, "Demonstrating Superposition" and "Mathematical Understanding": the benefit of a feature is the fall of its
own error, interference is what it adds to the outputs of others.
"""

from itertools import combinations
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from superposition_jax.core import data, geometry, linalg, model, random, targets
from superposition_jax.experiments.interference import ALIKE, FAINT, OTHERS
from superposition_jax.types import EVALUATION, Hparams, Params, Spec

EDGES = np.linspace(-1.5, 1.5, 61)
"""Edges of the bins of activations."""
POINTS, INPUTS, ORDER, MOST_SETS = 2**12, 128, 64, 5000
"""Inputs for false activations, inputs for alternatives, nodes for one active feature, and the most sets that are tried."""


SMALL = 0.005
"""Share of the loss up to which interference counts as none: its own shares would be ratios of what training has left over."""


def linear_terms(w: geometry.Weights, importance: Float[Array, " feature"]) -> tuple[Array, Array]:
    """Σ_i I_i (1 − ‖W_i‖²)² and Σ_{i≠j} I_j (W_j·W_i)²: benefit and interference of the linear model. Saxe et al. 2014.

    >>> [float(term) for term in linear_terms(jnp.array([[1.0, -1.0]]), jnp.ones(2))]
    [0.0, 2.0]
    """
    squares = (jnp.eye(w.shape[1]) - w.T @ w) ** 2
    benefit = jnp.diagonal(squares)
    return importance @ benefit, importance @ (squares.sum(axis=1) - benefit)


def one_active_terms(hparams: Hparams, params: Params, *, spec: Spec) -> tuple[Array, Array]:
    """Σ_i E I_i (y_i − x'_i)² and Σ_{i≠j} E I_j (y_j − x'_j)² with feature i on alone: the two terms of the paper's L₁."""
    node, weight = data.rule(hparams, ORDER, spec=spec)
    x = jnp.eye(spec.n_features)[:, :, None] * node[None, None, 1:]
    flat = x.reshape(spec.n_features, -1)
    error = targets.target(flat, spec=spec) - model.forward(params, flat, spec=spec)[1]
    losses = ((error * error).reshape(x.shape) * (weight[:, 1:] / hparams.density[:, None])[None]).sum(axis=2)
    benefit = jnp.diagonal(losses)
    return hparams.importance @ benefit, hparams.importance @ (losses.sum(axis=1) - benefit)


def one_active_excess(hparams: Hparams, params: Params, *, spec: Spec) -> Float[Array, ""]:
    """Σ_{i≠j} E I_j (x'_j² − f(b_j)²) with feature i on alone: what it adds to the errors of the others."""
    resting = model.forward(params, jnp.zeros((spec.n_features, 1)), spec=spec)[1][:, 0]
    return one_active_terms(hparams, params, spec=spec)[1] - (spec.n_features - 1) * hparams.importance @ resting**2


def own_losses(hparams: Hparams, params: Params, *, spec: Spec) -> tuple[Array, Array]:
    """Σ_i I_i E (x_i − x'_i)² with no feature but i on, over features that are represented, and over those that are not."""
    node, weight = data.rule(hparams, ORDER, spec=spec)
    norm = geometry.feature_norm(model.directions(params, spec=spec))
    output = model.ACTIVATIONS[spec.activation]((norm**2)[:, None] * node[None] + (params["b"][:, None] if spec.bias else 0.0))
    error = hparams.importance * jnp.sum(weight * (node[None] - output) ** 2, axis=1)
    is_represented = norm > geometry.REPRESENTED
    return jnp.sum(error, where=is_represented), jnp.sum(error, where=~is_represented)


def false_activations(key: Array, hparams: Hparams, params: Params, others: int, *, spec: Spec) -> dict[str, Array]:
    """Activations of represented features that are off from `others` random represented ones, with values of the law."""
    choice, values = jax.random.split(key)
    is_represented = geometry.feature_norm(model.directions(params, spec=spec)) > geometry.REPRESENTED
    score = jnp.where(is_represented[:, None], jax.random.uniform(choice, (spec.n_features, POINTS)), -1.0)
    active = is_represented[:, None] & (score >= jax.lax.top_k(score.T, others)[0][:, -1][None, :])
    value = data.LAWS[spec.law].quantile(1 - jax.random.uniform(values, active.shape), hparams.value_exponent)
    biased = model.preactivation(params, jnp.where(active, value, 0.0), spec=spec)[1]
    raw = biased - params["b"][:, None] if spec.bias else biased
    off = is_represented[:, None] & ~active
    off = jnp.where(off.any(), off / jnp.maximum(off.sum(), 1), jnp.nan)
    f = model.ACTIVATIONS[spec.activation]
    stages = (raw, f(raw), f(biased))
    return {
        "false_positive": jnp.sum(off * (raw > FAINT)),
        "false_negative": jnp.sum(off * (raw < -FAINT)),
        "false_square": jnp.stack([jnp.sum(off * z * z) for z in stages]),
        "false_density": jnp.stack([jnp.histogram(z, EDGES, weights=off)[0] / (EDGES[1] - EDGES[0]) for z in stages]),
    }


def alternatives(key: Array, w: geometry.Weights, support: tuple[float, float], active: int) -> Float[Array, " input"]:
    """Number of other sets of at most `active` features that explain the h of random sets of `active` features, all at 1.

    A set explains h if its least-squares values lie in the law's support, none closer to 0 than `ALIKE`, and miss h by at most
    `ALIKE`. Only represented features count; NaN where there are too few of them, or too many sets to try.
    """
    n = w.shape[1]
    if active > n or comb(n, active) > MOST_SETS:
        return jnp.full(INPUTS, jnp.nan)
    is_represented = geometry.feature_norm(w) > geometry.REPRESENTED
    score = jnp.where(is_represented[None, :], jax.random.uniform(key, (INPUTS, n)), -1.0)
    chosen = jax.lax.top_k(score, active)[1]
    truth = jnp.zeros((INPUTS, n), bool).at[jnp.arange(INPUTS)[:, None], chosen].set(True)
    h = jnp.where(truth, 1.0, 0.0) @ w.T
    count = 1.0 * (jnp.sum(h * h, axis=1) <= ALIKE**2)  # the empty set
    for size in range(1, active + 1):
        count = count + _explain(w, h, truth, is_represented, np.array([*combinations(range(n), size)]), support)
    return jnp.where(is_represented.sum() > active, count, jnp.nan)


def _explain(w, h, truth, is_represented, sets: np.ndarray, support: tuple[float, float]) -> Int[Array, " input"]:
    """Number of sets (set, feature), all of one size, that explain each h; `truth` (input, feature) is the set that made it."""
    size, columns = sets.shape[1], w.T[sets]
    gram = columns @ columns.swapaxes(1, 2) + 1e-6 * jnp.eye(size)[None]
    value = linalg.solve(gram, (h @ w)[:, sets].transpose(1, 2, 0))
    rest = h.T[None] - columns.swapaxes(1, 2) @ value
    near = jnp.sum(rest * rest, axis=1) <= ALIKE**2
    low, high = support
    allowed = (jnp.abs(value) >= ALIKE) & (value >= low - ALIKE) & (value <= high + ALIKE)
    other: Bool[Array, "set input"] = truth.T[sets].sum(axis=1) < truth.sum(axis=1)[None, :]
    return jnp.sum(near & allowed.all(axis=1) & other & is_represented[sets].all(axis=1)[:, None], axis=0)


def describe(seed: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """All measures of one model, those of false activations and alternatives along `OTHERS`."""
    keys = jax.random.split(jax.random.fold_in(random.key(seed), EVALUATION), (2, len(OTHERS)))
    w, support = model.directions(params, spec=spec), data.LAWS[spec.law].support
    false = [false_activations(key, hparams, params, k, spec=spec) for key, k in zip(keys[0], OTHERS, strict=True)]
    counts = [alternatives(key, w, support, k) for key, k in zip(keys[1], OTHERS, strict=True)]
    linear, one_active = linear_terms(w, hparams.importance), one_active_terms(hparams, params, spec=spec)
    by_themselves = own_losses(hparams, params, spec=spec)
    return {
        **jax.tree.map(lambda *values: jnp.stack(values), *false),
        "alternatives": jnp.stack([count.mean() for count in counts]),
        "ambiguous": jnp.stack([jnp.where(jnp.isnan(count), count, count > 0).mean() for count in counts]),
        **dict(zip(("linear_benefit", "linear_interference"), linear, strict=True)),
        **dict(zip(("one_active_benefit", "one_active_interference"), one_active, strict=True)),
        "one_active_excess": one_active_excess(hparams, params, spec=spec),
        **dict(zip(("represented_loss", "dropped_loss"), by_themselves, strict=True)),
    }
