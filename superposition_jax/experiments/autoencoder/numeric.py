"""Sparse autoencoders of one model's hidden activations, and how well their latents match the model's features.

A sparse autoencoder has latents a = ReLU(Eᵀ(h − c) + e), of which TopK keeps the k greatest, and ĥ = Da + c with columns of D
of length 1. It minimises E‖h − ĥ‖² + λ E‖a‖₁. Bricken et al. 2023, "Towards Monosemanticity"; Cunningham et al. 2023; for TopK
Gao et al. 2024, "Scaling and evaluating sparse autoencoders". Dead latents are neither resampled nor revived by another loss.

Expectations are over inputs with at least one active feature, since all others have the same h. Activations have their mean
subtracted and are in units of √E‖h − E h‖², so that one λ and one learning rate suit any model.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.special import betainc

from superposition_jax.core import data, geometry, model, random
from superposition_jax.experiments.autoencoder import ALIVE, SAME
from superposition_jax.types import DATA, EVALUATION, INIT, Hparams, Params, Spec

GREATEST_K = 4
"""The largest k of TopK."""
BATCH, BATCHES = 64, 64
"""Inputs of a training step, and number of such batches that measurements are made on."""

Sampler = Callable[[Array], tuple[Float[Array, "hidden batch"], Float[Array, " batch"]]]
"""Key → activations and their weights, which sum to 1."""


class Setting(NamedTuple):
    """The kind of a sparse autoencoder in numbers, so that one program trains all kinds."""

    size: Float[Array, ""]
    """D, the number of latents; further columns of the arrays are padding, whose latents stay off."""
    k: Float[Array, ""]
    """k of TopK, up to `GREATEST_K`; 0 keeps all."""
    weight: Float[Array, ""]
    """λ."""


def activations(hparams: Hparams, params: Params, *, spec: Spec, batches: int) -> Sampler:
    """A sampler of a model's hidden activations in this module's units: the estimator `active` without the empty input."""
    draw = data.sampler(hparams, spec=replace(spec, estimator="active", batch_size=BATCH))

    def raw(key: Array, count: int) -> tuple[Array, Array]:
        x, _ = data.joined(draw, key, count)
        on = (x != 0).any(axis=0)
        return model.forward(params, x, spec=spec)[0], on / jnp.sum(on)

    centre, variance = _moments(*raw(_evaluation(), BATCHES))
    scale = jnp.where(variance > 0, jnp.sqrt(variance), 1.0)

    def standard(key: Array) -> tuple[Array, Array]:
        h, weight = raw(key, batches)
        return (h - centre[:, None]) / scale, weight

    return standard


def _evaluation() -> Array:
    return jax.random.fold_in(random.key(0), EVALUATION)


def _moments(h: Float[Array, "hidden batch"], weight: Float[Array, " batch"]) -> tuple[Array, Array]:
    """E h and E‖h − E h‖²."""
    mean = h @ weight
    return mean, jnp.sum((h - mean[:, None]) ** 2, axis=0) @ weight


def _greatest(a: Float[Array, "latent batch"], count: Float[Array, ""]) -> Bool[Array, "latent batch"]:
    """Which latents are among the `count` greatest of an input. A maximum a round: sorting takes 70 times as long on a CPU."""
    level, levels = jnp.full(a.shape[1], jnp.inf), []
    for _ in range(GREATEST_K):
        level = jnp.where(a < level[None, :], a, -jnp.inf).max(axis=0)
        levels.append(level)
    least = jnp.stack(levels)[jnp.maximum(count - 1, 0).astype(int)]
    return (count == 0) | (a >= least[None, :])


def encode(sae: Params, h: Float[Array, "hidden batch"], setting: Setting) -> Float[Array, "latent batch"]:
    """Latents a ≥ 0."""
    a = jax.nn.relu(sae["E"].T @ (h - sae["c"][:, None]) + sae["e"][:, None])
    a = jnp.where((jnp.arange(a.shape[0]) < setting.size)[:, None], a, 0.0)
    return jnp.where(_greatest(jax.lax.stop_gradient(a), setting.k), a, 0.0)


def decode(sae: Params, a: Float[Array, "latent batch"]) -> Float[Array, "hidden batch"]:
    """The reconstruction ĥ."""
    return geometry.normalised(sae["D"]) @ a + sae["c"][:, None]


def learn(
    key: Array, sample: Sampler, setting: Setting, *, shape: tuple[int, int], steps: int = 2000, rate: float = 0.03
) -> Params:
    """A trained sparse autoencoder: E and D of a shape (hidden, latent), e (latent,), c (hidden,).

    Adam from random directions E = D, with a learning rate that falls from `rate` to 0 as a cosine.
    """
    start = geometry.normalised(jax.random.normal(jax.random.fold_in(key, INIT), shape))
    sae = {"E": start, "D": start, "e": jnp.zeros(shape[1]), "c": jnp.zeros(shape[0])}
    adam, stream = optax.adam(optax.cosine_decay_schedule(rate, steps)), jax.random.fold_in(key, DATA)

    def loss(sae: Params, h: Array, weight: Array) -> Array:
        a = encode(sae, h, setting)
        return (jnp.sum((h - decode(sae, a)) ** 2, axis=0) + setting.weight * jnp.sum(a, axis=0)) @ weight

    def step(carry, number: Array):
        sae, state = carry
        updates, state = adam.update(jax.grad(loss)(sae, *sample(jax.random.fold_in(stream, number))), state)
        return (optax.apply_updates(sae, updates), state), None

    return jax.lax.scan(step, (sae, adam.init(sae)), jnp.arange(steps))[0][0]


def evaluate(sae: Params, sample: Sampler, setting: Setting) -> dict[str, Array]:
    """Measures of a sparse autoencoder.

    `decoder` has unit columns of D (hidden, latent), `alive` says which latents are. `explained` is 1 − E‖h − ĥ‖²/E‖h − E h‖²,
    `on` the mean number of latents that are on, `dead` the share that is not alive, `latents` the count by `distinct`.
    """
    h, weight = sample(_evaluation())
    a = encode(sae, h, setting)
    decoder, often = geometry.normalised(sae["D"]), (a > 0) @ weight
    return {
        "decoder": decoder,
        "alive": often > ALIVE,
        "explained": 1 - jnp.sum((h - decode(sae, a)) ** 2, axis=0) @ weight / _moments(h, weight)[1],
        "on": often.sum(),
        "dead": 1 - jnp.sum(often > ALIVE) / setting.size,
        "latents": distinct(decoder, often),
    }


def distinct(decoder: Float[Array, "hidden latent"], often: Float[Array, " latent"]) -> Int[Array, ""]:
    """Number of living latents without another that is on more often within the cosine `SAME`: an estimate of the features."""
    rank = jnp.argsort(jnp.argsort(-often))
    near = (decoder.T @ decoder > SAME) & (rank[None, :] < rank[:, None])
    return jnp.sum((often > ALIVE) & ~near.any(axis=1))


def recovery(truth: np.ndarray, decoder: np.ndarray) -> tuple[float, float, float]:
    """Mean greatest cosine of features with latents, of latents with features, and mean cosine of features in a matching.

    Columns of both matrices have length 1. The first two are mean max cosine similarities (Sharkey et al. 2022). The matching
    pairs features and latents one to one with the greatest sum of cosines; features without a latent count as 0.
    """
    if not truth.shape[1] or not decoder.shape[1]:
        return np.nan, np.nan, np.nan
    cosine = truth.T @ decoder
    matched = cosine[linear_sum_assignment(-cosine)].sum() / len(cosine)
    return float(cosine.max(axis=1).mean()), float(cosine.max(axis=0).mean()), float(matched)


def chance(hidden: int, latents: int) -> float:
    """Expected greatest cosine of a direction with D = `latents` random ones in m = `hidden` ≥ 2 dimensions.

    One cosine is at most t with probability F(t) = I_{(1+t)/2}((m − 1)/2, (m − 1)/2); the result is 1 − ∫ F(t)^D dt over [−1, 1].

    >>> round(chance(2, 1), 3), round(chance(2, 2), 3)
    (0.0, 0.405)
    """
    node, weight = np.polynomial.legendre.leggauss(200)
    return float(1 - weight @ betainc((hidden - 1) / 2, (hidden - 1) / 2, (1 + node) / 2) ** latents)
