"""Measures of one model's hidden activations h: how far they are sums over features, linear, and of one feature per neuron.

The functional analysis of variance of h for independent features, Var h = Σ_i Var E[h | x_i] + interactions (Hoeffding 1948,
Sobol 1993), says how decomposable h is: without interactions it is a sum of functions of one feature each. It is also linear
if these functions are x_i d_i. Estimates are over a weighted batch, and over fresh inputs that are independent of it.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import data, geometry, linalg, model, objective, random
from superposition_jax.experiments.hierarchy import ROTATIONS
from superposition_jax.types import EVALUATION, PARAMS, Batch, Hparams, Params, Spec

BATCHES, BINS = 32, 32
"""Number of batches of 256 inputs, and of classes of equal frequency for a neuron's activation."""
_CERTAIN = 1e-5
"""Entropy in bits up to which a feature counts as always on, or always off."""
BASES = ("trained", "rotated")


def linear_share(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, ""]:
    """R² of h ≈ Σ_i x_i d_i + constant with the best coefficients d_i, for the variance of all hidden dimensions together."""
    weight = jnp.sqrt(batch.weight)[None, :]
    h, x = (weight * _centred(values, batch.weight) for values in (h, batch.x))
    length = jnp.linalg.norm(x, axis=1, keepdims=True)
    x = jnp.where(length > 0, x / jnp.where(length > 0, length, 1.0), 0.0)
    covariance = h @ x.T
    coefficients, _ = jax.scipy.sparse.linalg.cg(lambda d: x @ (x.T @ d), covariance.T)
    return jnp.sum(covariance * coefficients.T) / jnp.sum(h * h)


def first_order(
    hidden: Callable[[Array], Float[Array, "hidden batch"]], batch: Batch, fresh: Float[Array, "feature batch"]
) -> tuple[Float[Array, "hidden feature"], Float[Array, " hidden"]]:
    """Var E[h | x_i], and the variance that interactions of features add, for every hidden dimension.

    With h_0 the hidden layer of the fresh input, and h_i that of the fresh input with feature i taken from the batch, they are
    E h (h_i − h_0) and E h (h − h_0 − Σ_i (h_i − h_0)). Without interactions the latter is 0 for every single input.
    """
    h, start = hidden(batch.x), hidden(fresh)
    features = jnp.arange(batch.x.shape[0])

    def replace_one(rest: Array, feature: Array) -> tuple[Array, Array]:
        change = hidden(jnp.where((features == feature)[:, None], batch.x, fresh)) - start
        return rest - change, (h * change) @ batch.weight

    rest, variances = jax.lax.scan(replace_one, h - start, features)
    return variances.T, (h * rest) @ batch.weight


def neuron_features(variances: Float[Array, "hidden feature"]) -> Float[Array, " hidden"]:
    """Effective number of features in a neuron, (Σ_i V_i)² / Σ_i V_i² of their shares V_i in its variance: k for k equal ones.

    >>> neuron_features(jnp.array([[1.0, 0, 0], [0.5, 0.5, 0], [0, 0, 0]])).tolist()
    [1.0, 2.0, 0.0]
    """
    total, squares = variances.sum(axis=1), jnp.sum(variances**2, axis=1)
    return jnp.where(squares > 0, total**2 / jnp.where(squares > 0, squares, 1.0), 0.0)


def information(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, "hidden feature"]:
    """Mutual information in bits of a neuron's activation, in classes, and whether a feature is on. Zero is its own class.

    For a neuron that depends on one feature alone it is the entropy of whether that feature is on.
    """
    active = (batch.x != 0).astype(h.dtype)
    levels = jnp.linspace(0, 1, BINS + 1)[1:-1]

    def of_neuron(neuron: Float[Array, " batch"]) -> Float[Array, " feature"]:
        edges = jnp.concatenate([jnp.quantile(neuron, levels), jnp.array([-jnp.finfo(h.dtype).tiny, 0.0])])
        bins = jnp.searchsorted(jnp.sort(edges), neuron)
        weights = (bins[None, :] == jnp.arange(BINS + 2)[:, None]) * batch.weight[None, :]
        share, on = weights.sum(axis=1)[:, None], weights @ active.T
        return _entropy(active @ batch.weight) - jnp.sum(share * _entropy(on / jnp.where(share > 0, share, 1.0)), axis=0)

    return jax.lax.map(of_neuron, h)


def information_share(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, " hidden"]:
    """The greatest ratio of a neuron's `information` about a feature to the larger of the two entropies of being on.

    1 for a neuron of one feature, about 1/k for one that k rare features share; NaN where all features are always on.
    """
    off_on = (((values == 0) @ batch.weight, (values != 0) @ batch.weight) for values in (batch.x, h))
    feature, neuron = (_entropy(jnp.minimum(*shares)) for shares in off_on)  # the minimum is exactly 0 for what is always on
    most = jnp.maximum(neuron[:, None], feature[None, :])
    return jnp.nanmax(information(h, batch) / jnp.where(feature[None, :] > _CERTAIN, most, jnp.nan), axis=1)


def aligned(w: geometry.Weights) -> Float[Array, ""]:
    """Mean `geometry.alignment` of represented features; NaN if there are none."""
    is_represented = geometry.feature_norm(w) > geometry.REPRESENTED
    return jnp.sum(jnp.where(is_represented, geometry.alignment(w), 0.0)) / jnp.sum(is_represented)


def describe(seed: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """All measures along `BASES`: as trained, and with the hidden layer rotated at random; a linear one computes the same."""
    keys = [*jax.random.split(jax.random.fold_in(random.key(seed), EVALUATION), 4)]
    batch, fresh = (
        data.joined(data.sampler(hparams, spec=replace(spec, estimator=name, batch_size=256)), key, BATCHES)
        for name, key in zip(("active", "iid"), keys, strict=False)
    )
    rotation = linalg.orthogonal(keys[2], spec.n_hidden, spec.n_hidden)
    rotated = {name: rotation @ value if "hidden" in PARAMS[name].dims else value for name, value in params.items()}
    bases = [_in_its_basis(hparams, arrays, batch, fresh.x, spec=spec) for arrays in (params, rotated)]
    w, m = model.directions(params, spec=spec), spec.n_hidden
    null = jax.lax.map(lambda k: aligned(linalg.orthogonal(jax.random.fold_in(keys[3], k), m, m) @ w), jnp.arange(ROTATIONS))
    measures = jax.tree.map(lambda *values: jnp.stack(values), *bases)
    alignment = measures["aligned"]
    less = jnp.where(jnp.isnan(alignment), jnp.nan, jnp.mean(alignment[:, None] > null[None, :], axis=1))
    return measures | {"aligned_z": (alignment - null.mean()) / null.std(ddof=1), "less_aligned_rotations": less}


def _in_its_basis(hparams: Hparams, params: Params, batch: Batch, fresh: Array, *, spec: Spec) -> dict[str, Array]:
    h = model.forward(params, batch.x, spec=spec)[0]
    total = _centred(h, batch.weight) ** 2 @ batch.weight
    variances, interactions = first_order(lambda x: model.forward(params, x, spec=spec)[0], batch, fresh)
    features, share = neuron_features(variances), total / total.sum()
    return {
        "linear_share": linear_share(h, batch),
        "interaction_share": interactions.sum() / total.sum(),
        "aligned": aligned(model.directions(params, spec=spec)),
        "neuron_features": features,
        "features_a_neuron": share @ features,
        "information": information(h, batch),
        "information_share": share @ information_share(h, batch),
        "basis_loss": objective.loss(hparams, params, batch, spec=spec),
    }


def _centred(values: Float[Array, "row batch"], weight: Float[Array, " batch"]) -> Float[Array, "row batch"]:
    return values - (values @ weight)[:, None]


def _entropy(chance: Array) -> Array:
    """Entropy in bits of what is true with some chance."""
    chance = jnp.clip(chance, 0.0, 1.0)
    return -sum(jax.scipy.special.xlogy(p, p) for p in (chance, 1 - chance)) / jnp.log(2.0)
