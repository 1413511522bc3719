"""A large sparse network whose hidden layer is passed through a trained toy model, and the error of its outputs.

The large network has N inputs, N neurons a = ReLU(Vx − t) and N outputs y = Ua, where N is the toy model's number of features.
Its neurons are the features, with their densities and importances. The simulation keeps only the m numbers h = Wa of the hidden
layer: â = f(Wᵀh + b) and ŷ = Uâ. Elhage et al. 2022: small networks noisily simulate larger, highly sparse ones.

An input is uniform on [0, 1], or off. A neuron reads `INPUTS` inputs with normal weights. Its threshold t makes it active as
often as the feature, and the scale of its weights makes E a_i² that of the feature. Columns of U have random directions and
lengths √I_i. Two differences from the data that the model was trained on remain: the shape of the law, and that neurons which
share inputs are active together.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from superposition_jax.core import data, geometry, linalg, model
from superposition_jax.types import EVALUATION, INIT, Batch, Hparams, Params, Spec

INPUTS = 4
"""Number of inputs that a neuron reads."""
_OFTEN = 2
"""Inputs are active this many times as often as the most active neuron, or always."""
_INPUTS, _FEATURES = range(2)
"""Numbers of the keys for the network's inputs, and for features drawn as in training."""
_BATCH, _BATCHES = 256, 32


class Network(NamedTuple):
    """A large network's weights."""

    v: Float[Array, "neuron input"]
    threshold: Float[Array, " neuron"]
    u: Float[Array, "output neuron"]


def inputs(key: Array, hparams: Hparams, *, spec: Spec) -> Batch:
    """Inputs of the large network."""
    often = jnp.minimum(_OFTEN * hparams.density.max(), 1.0) * jnp.ones_like(hparams.density)
    spec = replace(spec, law="uniform", correlation="independent", set_sizes=())
    return _batch(key, hparams.replace(density=often), spec=spec)


def _batch(key: Array, hparams: Hparams, *, spec: Spec) -> Batch:
    spec = replace(spec, estimator="active", batch_size=_BATCH)
    return data.joined(data.sampler(hparams, spec=spec), key, _BATCHES)


def network(key: Array, hparams: Hparams, *, spec: Spec) -> Network:
    """A random large network whose neurons have the densities, mean squares and importances of a model's features."""
    n, init = spec.n_features, jax.random.fold_in(key, INIT)
    chosen, values, outward, drawn = jax.random.split(init, 4)
    rank = jnp.argsort(jax.random.uniform(chosen, (n, n)), axis=1)
    v = jnp.where(rank < INPUTS, jax.random.normal(values, (n, n)), 0.0)
    v = v * jnp.where(v.sum(axis=1) < 0, -1.0, 1.0)[:, None]  # no neuron of negative weights only
    x, weight = inputs(drawn, hparams, spec=spec)
    threshold = _threshold(v @ x, weight, hparams.density)
    square = jax.nn.relu(v @ x - threshold[:, None]) ** 2 @ weight
    scale = jnp.sqrt(data.moments(hparams, spec=spec)[1] / jnp.where(square > 0, square, 1.0))
    u = geometry.normalised(jax.random.normal(outward, (n, n))) * jnp.sqrt(hparams.importance)[None, :]
    return Network(scale[:, None] * v, scale * threshold, u)


def _threshold(z: Float[Array, "neuron batch"], weight: Float[Array, " batch"], density: Float[Array, " neuron"]) -> Array:
    """t (neuron,) with P(z > t) = density, by halving intervals."""

    def halve(_, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (ends[0] + ends[1]) / 2
        more = (z > middle[:, None]) @ weight > density
        return jnp.where(more, middle, ends[0]), jnp.where(more, ends[1], middle)

    return jax.lax.fori_loop(0, 24, halve, (z.min(axis=1), z.max(axis=1)))[1]


def errors(key: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """E‖y − ŷ‖²/E‖y − E y‖² of a model's simulation of a random network, and of other uses of m numbers.

    `error` is the trained model's. `independent` is the same with a drawn as in its training: the difference is the cost of the
    network's law and shared inputs. `dedicated` keeps m neurons and replaces the others by their mean. `linear` has the best
    linear functions from a to h and from h to ŷ. `density` is the share of neurons that are active.
    """
    net, stream = network(key, hparams, spec=spec), jax.random.fold_in(key, EVALUATION)
    x, weight = inputs(jax.random.fold_in(stream, _INPUTS), hparams, spec=spec)
    neurons = Batch(jax.nn.relu(net.v @ x - net.threshold[:, None]), weight)
    drawn, spread = _batch(jax.random.fold_in(stream, _FEATURES), hparams, spec=spec), covariance(neurons)
    return {
        "error": simulated(params, net.u, neurons, spec=spec) / variance(net.u, spread),
        "independent": simulated(params, net.u, drawn, spec=spec) / variance(net.u, covariance(drawn)),
        "dedicated": dedicated(net.u, spread, spec.n_hidden) / variance(net.u, spread),
        "linear": linear(net.u, spread, spec.n_hidden) / variance(net.u, spread),
        "density": jnp.mean((neurons.x > 0) @ weight),
    }


def covariance(batch: Batch) -> Float[Array, "neuron neuron"]:
    """Covariances of neurons a."""
    a = batch.x - (batch.x @ batch.weight)[:, None]
    return (a * batch.weight[None, :]) @ a.T


def variance(u: Float[Array, "output neuron"], spread: Float[Array, "neuron neuron"]) -> Float[Array, ""]:
    """E‖y − E y‖² of y = Ua, from Cov a."""
    return jnp.sum((u.T @ u) * spread)


def simulated(params: Params, u: Float[Array, "output neuron"], neurons: Batch, *, spec: Spec) -> Float[Array, ""]:
    """E‖U(a − â)‖² with â the model's outputs."""
    return jnp.sum((u @ (neurons.x - model.forward(params, neurons.x, spec=spec)[1])) ** 2, axis=0) @ neurons.weight


def dedicated(u: Float[Array, "output neuron"], spread: Float[Array, "neuron neuron"], m: int) -> Float[Array, ""]:
    """The error with the `m` neurons of greatest I_i Var a_i exact and the others replaced by their mean.

    It is Σ I_i Var a_i over the others if these are independent. The same inputs choose the neurons and measure the error.
    """
    rank = jnp.argsort(jnp.argsort(-jnp.sum(u * u, axis=0) * jnp.diagonal(spread)))
    return variance(jnp.where(rank < m, 0.0, u), spread)


def linear(u: Float[Array, "output neuron"], spread: Float[Array, "neuron neuron"], m: int) -> Float[Array, ""]:
    """The least error of a linear code of `m` numbers: the sum of all but the greatest `m` eigenvalues of Cov y.

    The code is fitted to the inputs that measure it, so the error is somewhat too low where neurons are rarely active.
    """
    return jnp.maximum(linalg.eigenvalues(u @ spread @ u.T)[: max(0, u.shape[0] - m)], 0.0).sum()
