"""What active features do to others in one model: false activations, inputs that look alike, and what all of it costs.

Elhage et al. 2022, "Demonstrating Superposition" and "Mathematical Understanding": a feature's benefit is what its own error
falls by, interference what it adds to the outputs of others.
"""

from itertools import combinations
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from superposition_jax.core import data, geometry, linalg, model, random, targets
from superposition_jax.experiments.interference import ALIKE, FAINT, OTHERS
from superposition_jax.types import EVALUATION, Hparams, Params, Spec

EDGES = np.linspace(-1.5, 1.5, 61)
POINTS, INPUTS, ORDER, MOST_SETS = 2**12, 128, 64, 5000
SMALL = 1e-5
"""Share of the loss up to which interference costs nothing."""


def linear_terms(w: geometry.Weights, importance: Float[Array, " feature"]) -> tuple[Array, Array]:
    """Σ_i I_i (1 − ‖W_i‖²)² and Σ_{i≠j} I_j (W_j·W_i)²: benefit and interference of the linear model. Saxe et al. 2014."""
    lost = (jnp.eye(w.shape[1]) - w.T @ w) ** 2
    own = jnp.diagonal(lost)
    return importance @ own, importance @ (lost.sum(axis=1) - own)


def one_active_terms(hparams: Hparams, params: Params, *, spec: Spec) -> tuple[Array, Array]:
    """Σ_i E I_i (y_i − x'_i)² and Σ_{i≠j} E I_j (y_j − x'_j)² where feature i alone is on: the two terms of the paper's L₁."""
    node, weight = data.rule(hparams, ORDER, spec=spec)
    x = jnp.eye(spec.n_features)[:, :, None] * node[None, None, 1:]
    flat = x.reshape(spec.n_features, -1)
    error = targets.target(flat, spec=spec) - model.forward(params, flat, spec=spec)[1]
    lost = (error * error).reshape(x.shape) * (weight[:, 1:] / hparams.density[:, None])[None]
    each = lost.sum(axis=2)
    own = jnp.diagonal(each)
    return hparams.importance @ own, hparams.importance @ (each.sum(axis=1) - own)


def false_activations(key: Array, hparams: Hparams, params: Params, others: int, *, spec: Spec) -> dict[str, Array]:
    """What represented features that are off get from so many others, chosen among represented ones, with values of the law."""
    choice, values = jax.random.split(key)
    there = geometry.feature_norm(model.directions(params, spec=spec)) > geometry.REPRESENTED
    score = jnp.where(there[:, None], jax.random.uniform(choice, (spec.n_features, POINTS)), -1.0)
    active = there[:, None] & (score >= jax.lax.top_k(score.T, others)[0][:, -1][None, :])
    value = data.LAWS[spec.law].quantile(1 - jax.random.uniform(values, active.shape), hparams.value_exponent)
    biased = model.preactivation(params, jnp.where(active, value, 0.0), spec=spec)[1]
    raw = biased - params["b"][:, None] if spec.bias else biased
    off = there[:, None] & ~active
    off = jnp.where(off.any(), off / jnp.maximum(off.sum(), 1), jnp.nan)
    f = model.ACTIVATIONS[spec.activation]
    stages = (raw, f(raw), f(biased))
    return {
        "false_positive": jnp.sum(off * (raw > FAINT)),
        "false_negative": jnp.sum(off * (raw < -FAINT)),
        "false_square": jnp.stack([jnp.sum(off * z * z) for z in stages]),
        "false_density": jnp.stack(
            [jnp.histogram(z, EDGES, weights=off)[0] / (EDGES[1] - EDGES[0]) for z in stages]  # of what lies within
        ),
    }


def alternatives(key: Array, w: geometry.Weights, support: tuple[float, float], active: int) -> Float[Array, " input"]:
    """How many other sets of at most so many features explain the activation h of random sets of so many, all at 1.

    A set does if its least-squares values lie in the law's support, none below `ALIKE`, and miss h by less than that.
    Only represented features count; NaN where there are too few, or too many sets to try.
    """
    n = w.shape[1]
    if active > n or comb(n, active) > MOST_SETS:
        return jnp.full(INPUTS, jnp.nan)
    there = geometry.feature_norm(w) > geometry.REPRESENTED
    score = jnp.where(there[None, :], jax.random.uniform(key, (INPUTS, n)), -1.0)
    chosen = jax.lax.top_k(score, active)[1]
    truth = jnp.zeros((INPUTS, n), bool).at[jnp.arange(INPUTS)[:, None], chosen].set(True)
    h = jnp.where(truth, 1.0, 0.0) @ w.T
    found = 1.0 * (jnp.sum(h * h, axis=1) <= ALIKE**2)  # as the empty input
    for size in range(1, active + 1):
        found = found + _explained(w, h, truth, there, np.array([*combinations(range(n), size)]), support)
    return jnp.where(there.sum() > active, found, jnp.nan)


def _explained(w, h, truth, there, sets: np.ndarray, support: tuple[float, float]) -> Float[Array, " input"]:
    size, columns = sets.shape[1], w.T[sets]
    gram = columns @ columns.swapaxes(1, 2) + 1e-6 * jnp.eye(size)[None]
    value = linalg.solve(gram, (h @ w)[:, sets].transpose(1, 2, 0))
    missed = h.T[None] - columns.swapaxes(1, 2) @ value
    near = jnp.sum(missed * missed, axis=1) <= ALIKE**2
    low, high = support
    allowed = (jnp.abs(value) >= ALIKE) & (value >= low - ALIKE) & (value <= high + ALIKE)
    other: Bool[Array, "set input"] = truth.T[sets].sum(axis=1) < truth.sum(axis=1)[None, :]
    return jnp.sum(near & allowed.all(axis=1) & other & there[sets].all(axis=1)[:, None], axis=0)


def describe(seed: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """All of the above of one model, along `OTHERS`."""
    keys = jax.random.split(jax.random.fold_in(random.key(seed), EVALUATION), (2, len(OTHERS)))
    w, support = model.directions(params, spec=spec), data.LAWS[spec.law].support
    false = [false_activations(key, hparams, params, k, spec=spec) for key, k in zip(keys[0], OTHERS, strict=True)]
    counts = [alternatives(key, w, support, k) for key, k in zip(keys[1], OTHERS, strict=True)]
    linear, one = linear_terms(w, hparams.importance), one_active_terms(hparams, params, spec=spec)
    return {
        **jax.tree.map(lambda *values: jnp.stack(values), *false),
        "alternatives": jnp.stack([count.mean() for count in counts]),
        "ambiguous": jnp.stack([jnp.where(jnp.isnan(count), count, count > 0).mean() for count in counts]),
        **dict(zip(("linear_benefit", "linear_interference"), linear, strict=True)),
        **dict(zip(("one_active_benefit", "one_active_interference"), one, strict=True)),
    }
