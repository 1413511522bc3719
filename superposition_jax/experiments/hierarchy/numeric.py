"""What one model's hidden activations are made of: how far sums over features, along directions, in neurons of one feature each.

The functional analysis of variance of h for independent features, Var h = Σ_i Var E[h | x_i] + interactions (Hoeffding 1948,
Sobol 1993), says how decomposable h is: without interactions it is a sum of functions of one feature each. It is linear as
well where these are x_i d_i. Estimates are over a batch with its weights, and fresh inputs that are independent of it.
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
"""Batches of 256 inputs, and classes of a neuron's activation of equal frequency."""
_CERTAIN = 1e-5
"""Bits below which something is always on, or always off."""
BASES = ("trained", "rotated")


def linear_share(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, ""]:
    """R² of h ≈ Σ_i x_i d_i and a constant, with the best directions d_i: of the variance of all hidden dimensions together."""
    weight = jnp.sqrt(batch.weight)[None, :]
    h, x = (weight * _centred(values, batch.weight) for values in (h, batch.x))
    length = jnp.linalg.norm(x, axis=1, keepdims=True)
    x = jnp.where(length > 0, x / jnp.where(length > 0, length, 1.0), 0.0)
    together = h @ x.T
    found, _ = jax.scipy.sparse.linalg.cg(lambda d: x @ (x.T @ d), together.T)
    return jnp.sum(together * found.T) / jnp.sum(h * h)


def first_order(
    hidden: Callable[[Array], Float[Array, "hidden batch"]], batch: Batch, fresh: Float[Array, "feature batch"]
) -> tuple[Float[Array, "hidden feature"], Float[Array, " hidden"]]:
    """Var E[h | x_i], and the variance that interactions of features add, of every hidden dimension.

    With h_i that of the fresh input in which feature i is the batch's, and h_0 that of the fresh input, they are E h (h_i − h_0)
    and E h (h − h_0 − Σ_i (h_i − h_0)), of which the latter is 0 input by input where there are no interactions.
    """
    h, start = hidden(batch.x), hidden(fresh)
    places = jnp.arange(batch.x.shape[0])

    def one(rest: Array, feature: Array) -> tuple[Array, Array]:
        change = hidden(jnp.where((places == feature)[:, None], batch.x, fresh)) - start
        return rest - change, (h * change) @ batch.weight

    rest, variances = jax.lax.scan(one, h - start, places)
    return variances.T, (h * rest) @ batch.weight


def neuron_features(variances: Float[Array, "hidden feature"]) -> Float[Array, " hidden"]:
    """(Σ_i V_i)² / Σ_i V_i² of the features' shares V_i in a neuron's variance: 1 for one feature, k for k alike, 0 for none."""
    total, squares = variances.sum(axis=1), jnp.sum(variances**2, axis=1)
    return jnp.where(squares > 0, total**2 / jnp.where(squares > 0, squares, 1.0), 0.0)


def information(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, "hidden feature"]:
    """Mutual information in bits of a neuron's activation, in classes, and whether a feature is on; 0 is a class of its own.

    A neuron of one feature has that feature's entropy of activity.
    """
    active = (batch.x != 0).astype(h.dtype)
    levels = jnp.linspace(0, 1, BINS + 1)[1:-1]

    def one(neuron: Float[Array, " batch"]) -> Float[Array, " feature"]:
        edges = jnp.concatenate([jnp.quantile(neuron, levels), jnp.array([-jnp.finfo(h.dtype).tiny, 0.0])])
        place = jnp.searchsorted(jnp.sort(edges), neuron)
        kind = (place[None, :] == jnp.arange(BINS + 2)[:, None]) * batch.weight[None, :]
        whole, on = kind.sum(axis=1)[:, None], kind @ active.T
        return _entropy(active @ batch.weight) - jnp.sum(whole * _entropy(on / jnp.where(whole > 0, whole, 1.0)), axis=0)

    return jax.lax.map(one, h)


def information_share(h: Float[Array, "hidden batch"], batch: Batch) -> Float[Array, " hidden"]:
    """`information` of a neuron and the feature it tells most of, over the larger entropy of the two being on.

    1 for a neuron of one feature, about 1/k for one that k rare features share; NaN where all features are always on.
    """
    shares = (((values == 0) @ batch.weight, (values != 0) @ batch.weight) for values in (batch.x, h))
    feature, neuron = (_entropy(jnp.minimum(*both)) for both in shares)  # exactly 0 of what is always on
    most = jnp.maximum(neuron[:, None], feature[None, :])
    return jnp.nanmax(information(h, batch) / jnp.where(feature[None, :] > _CERTAIN, most, jnp.nan), axis=1)


def aligned(w: geometry.Weights) -> Float[Array, ""]:
    """Mean `geometry.alignment` of represented features; NaN if there are none."""
    there = geometry.feature_norm(w) > geometry.REPRESENTED
    return jnp.sum(jnp.where(there, geometry.alignment(w), 0.0)) / jnp.sum(there)


def describe(seed: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """All of the above for a model as trained, and with its hidden layer turned by a random rotation that nothing makes up for.

    A model whose hidden layer is linear computes the same in every basis.
    """
    keys = [*jax.random.split(jax.random.fold_in(random.key(seed), EVALUATION), 4)]
    batch, fresh = (
        data.joined(data.sampler(hparams, spec=replace(spec, estimator=name, batch_size=256)), key, BATCHES)
        for name, key in zip(("active", "iid"), keys, strict=False)
    )
    rotation = linalg.orthogonal(keys[2], spec.n_hidden, spec.n_hidden)
    turned = {name: rotation @ value if "hidden" in PARAMS[name].dims else value for name, value in params.items()}
    bases = [_in_its_basis(hparams, these, batch, fresh.x, spec=spec) for these in (params, turned)]
    w = model.directions(params, spec=spec)

    def turned_alignment(number: Array) -> Array:
        return aligned(linalg.orthogonal(jax.random.fold_in(keys[3], number), spec.n_hidden, spec.n_hidden) @ w)

    null = jax.lax.map(turned_alignment, jnp.arange(ROTATIONS))
    found = jax.tree.map(lambda *values: jnp.stack(values), *bases)
    less = jnp.where(jnp.isnan(found["aligned"]), jnp.nan, jnp.mean(found["aligned"][:, None] > null[None, :], axis=1))
    return found | {"aligned_z": (found["aligned"] - null.mean()) / null.std(ddof=1), "less_aligned_rotations": less}


def _in_its_basis(hparams: Hparams, params: Params, batch: Batch, fresh: Array, *, spec: Spec) -> dict[str, Array]:
    def hidden(x: Array) -> Array:
        return model.forward(params, x, spec=spec)[0]

    h = hidden(batch.x)
    total = _centred(h, batch.weight) ** 2 @ batch.weight
    variances, interactions = first_order(hidden, batch, fresh)
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
    """Of yes or no, in bits."""
    chance = jnp.clip(chance, 0.0, 1.0)
    return -sum(jax.scipy.special.xlogy(p, p) for p in (chance, 1 - chance)) / jnp.log(2.0)
