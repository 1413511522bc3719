"""The expected error, from inputs alone or with every output's own feature integrated out.

In a tied model with a linear hidden layer, output j's pre-activation is z_j = g_j x_j + t_j with g_j = ‖W_j‖², and its
interference t_j = Σ_{i≠j} (WᵀW)_ji x_i + b_j does not depend on x_j. So the expectation over x_j is a closed form in g_j and t_j
(`own_error`), and only the other features are left to an estimator: conditional Monte Carlo (Asmussen & Glynn 2007, "Stochastic
Simulation", V.4). Mean and variance of t_j are closed forms of W too, and serve as control variates.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.lax import stop_gradient
from jaxtyping import Float

from superposition_jax.core import data, few_patterns, laws, model, own_error, patterns, sets, targets
from superposition_jax.types import Batch, Hparams, Params, Registry, Spec

Statistics = dict[str, Array]
"""Sums over inputs from which the coefficients of control variates are made, (feature,) each; empty without control variates."""
Inputs = Batch | patterns.Others

_LEAST_VARIANCE = 1e-5
"""Least variance of an interference that explains anything: smaller ones may be what rounding leaves of a difference."""


def squared_error(hparams: Hparams, batch: Batch, output: Float[Array, "feature batch"], *, spec: Spec) -> Float[Array, ""]:
    """Σ_b weight_b Σ_i I_i (y_i − x'_i)² of some outputs x'."""
    error = targets.target(batch.x, spec=spec) - output
    return jnp.sum((hparams.importance @ (error * error)) * batch.weight)


def sampled(
    hparams: Hparams, params: Params, inputs: Batch, known: Statistics, *, spec: Spec
) -> tuple[Float[Array, ""], Statistics]:
    """The error of the model's outputs for a batch."""
    return squared_error(hparams, inputs, model.forward(params, inputs.x, spec=spec)[1], spec=spec), {}


def own_feature(
    hparams: Hparams, params: Params, inputs: Inputs, known: Statistics, *, spec: Spec
) -> tuple[Float[Array, ""], Statistics]:
    """The error expected over every output's own feature, given the others."""
    if isinstance(inputs, patterns.Others) and few_patterns.are_few(inputs, spec):
        return few_patterns.error(hparams, params, inputs, spec), {}
    return own_error.expected(hparams, *condition(hparams, params, inputs, spec=spec), spec)[0], {}


def moments(
    hparams: Hparams, params: Params, inputs: Batch, known: Statistics, *, spec: Spec
) -> tuple[Float[Array, ""], Statistics]:
    """The same, less what mean μ and variance σ² of t explain: Σ_b weight_b [F(t_b) − c (t_b − μ) − e ((t_b − μ)² − σ²)].

    F is the error given t. The coefficients c = E F'(t) and e = E F'(t)(t − μ)/(2σ²), which for a normal t is E F''(t)/2 (Stein's
    lemma), come from `known` statistics of other inputs, so that they bias nothing.
    """
    g, conditioned = condition(hparams, params, inputs, spec=spec)
    error, slope = own_error.expected(hparams, g, conditioned, spec)
    mean, variance = interference(hparams, params, spec=spec)
    apart = conditioned.t - mean[:, None]
    spread = stop_gradient(variance)
    e = jnp.where(spread > _LEAST_VARIANCE, known["by_variance"] / jnp.maximum(spread, _LEAST_VARIANCE), 0.0)
    explained = known["by_mean"] @ (apart @ inputs.weight) + e @ ((apart * apart - variance[:, None]) @ inputs.weight)
    return error - explained, {"by_mean": slope.sum(axis=1), "by_variance": jnp.sum(slope * stop_gradient(apart), axis=1) / 2}


def condition(
    hparams: Hparams, params: Params, inputs: Inputs, *, spec: Spec
) -> tuple[Float[Array, " feature"], own_error.Conditioned]:
    """g, and for all inputs the interference t with the weights of outputs' own features."""
    w, bias = params["W"], params["b"][:, None] if spec.bias else 0.0
    g, after, place = jnp.sum(w * w, axis=0), range(1, targets.TARGETS[spec.target].arity), np.arange(spec.n_features)
    if isinstance(inputs, patterns.Others):
        t = jnp.einsum("ji,jip->jp", model.read_out(w, w), inputs.x) + bias
        neighbours = tuple(inputs.x[place, (place + k) % spec.n_features] for k in after)
        return g, own_error.Conditioned(t, inputs.off, inputs.on, neighbours)
    t = model.read_out(w, w @ inputs.x) + bias - g[:, None] * inputs.x
    on, weight = sets.chance_given_others(inputs.x != 0, hparams.density, spec), inputs.weight[None, :]
    return g, own_error.Conditioned(t, weight * (1 - on), weight * on, tuple(jnp.roll(inputs.x, -k, axis=0) for k in after))


def interference(hparams: Hparams, params: Params, *, spec: Spec) -> tuple[Float[Array, " feature"], Float[Array, " feature"]]:
    """Mean and variance of every output's interference t_j, bias included."""
    w, bias = params["W"], params["b"] if spec.bias else 0.0
    first, second = laws.LAWS[spec.law].moments(hparams.value_exponent)
    mean, g = hparams.density * first, jnp.sum(w * w, axis=0)
    if spec.correlation == "independent":
        own = hparams.density * second - mean * mean
        covered = w * own[None, :]
    else:
        covariance = sets.covariance(hparams.density, first, second, spec)
        own, covered = jnp.diagonal(covariance), w @ covariance
    variance = jnp.sum(w * ((covered @ w.T) @ w), axis=0) - 2 * g * jnp.sum(w * covered, axis=0) + g * g * own
    return w.T @ (w @ mean) - g * mean + bias, variance


class Expectation(NamedTuple):
    """A way to estimate the expected error, and the models for which it is known."""

    loss: Callable[..., tuple[Array, Statistics]]
    """(hparams, params, inputs, known statistics, spec=…) → the estimate, and the statistics of these inputs."""
    why_not: Callable[[Spec], str] = lambda spec: ""
    """What keeps it from being used for a Spec, in words; empty if nothing does."""
    statistics: tuple[str, ...] = ()
    meaning: str = ""


def _not_own_feature(spec: Spec) -> str:
    if not spec.is_linear:
        return "needs model.kind = tied and model.hidden_activation = identity"
    if spec.adversarial:
        return "is not known for train.adversarial = True"
    penalised = spec.penalty is not None and spec.estimator == "quadrature"  # a penalty needs inputs with all features
    return "is not known for train.estimator = quadrature with a penalty" if penalised else ""


def _not_moments(spec: Spec) -> str:
    draws_nothing = "has nothing to do for train.estimator = quadrature, which draws nothing"
    return _not_own_feature(spec) or (draws_nothing if spec.estimator == "quadrature" else "")


EXPECTATIONS = Registry(
    sampled=Expectation(sampled, meaning="over all features by the estimator"),
    own_feature=Expectation(
        own_feature, _not_own_feature, meaning="in closed form over each output's own feature, over others by the estimator"
    ),
    moments=Expectation(
        moments,
        _not_moments,
        ("by_mean", "by_variance"),
        "own_feature, with mean and variance of the interference as control variates",
    ),
)
"""Ways to estimate the expected error by name, the most precise last."""


def best(spec: Spec) -> str:
    """The name of the most precise expectation that is known for a Spec."""
    return next(name for name, way in reversed(EXPECTATIONS.items()) if not way.why_not(spec))


_MANY = 128
"""Features from which on training uses moments: at n = 80 they double a step's time, and no loss ends lower."""


def default(spec: Spec) -> str:
    """The name of the expectation by which a Spec trains unless another one is chosen."""
    if not own_error.has_closed_form(spec) or _not_own_feature(spec):
        return "sampled"
    return "moments" if spec.n_features >= _MANY and not _not_moments(spec) else "own_feature"


def no_statistics(spec: Spec) -> Statistics:
    """The statistics of no inputs at all."""
    return {name: jnp.zeros(spec.n_features) for name in EXPECTATIONS[spec.expectation].statistics}


def inputs(hparams: Hparams, *, spec: Spec) -> Callable[[Any], Inputs]:
    """The function from an estimator's draws to the inputs that a Spec's expectation takes."""
    if spec.expectation != "sampled" and spec.estimator == "quadrature":
        others = patterns.others(hparams, spec=spec)
        return lambda draws: others
    return data.ESTIMATORS[spec.estimator].realise(hparams, spec)
