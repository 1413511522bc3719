"""The final loss of a trained model, by a far better estimator than the one that trained it; it is the same for all models."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FunctionType

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from superposition_jax.core import attack, data, expectation, model, objective, patterns
from superposition_jax.types import EVALUATION, Batch, Hparams, Measure, Params, Registry, Spec

QUADRATURE_FEATURES = 5
"""Largest n for which the tensor-product rule is affordable."""
_POINTS = 2**16
"""Most points of the tensor-product rule."""
_SAMPLED_REPLICATES, _SAMPLED_BATCH = 256, 256
"""Number of batches and their size where nothing is integrated out."""
_MOST_NODES = 64
"""Most nodes of a feature where outputs' own features are integrated out."""
_FEW_NODES = 8
"""Nodes of the only active feature where n > 5."""
_MOST_IN_STRATA = 1024
"""Most features for which all inputs with one active feature fit into the memory at once."""
_PILOT, _REPLICATES, _BATCH = 8, 48, 128
"""Numbers of batches for coefficients and for the loss, a multiple of it, and their size, with own features integrated out."""
_ROUNDING = 2.0**-16
"""Relative error of sums and differences in single precision."""

MEASURES = {
    "loss": Measure((), "expected loss E Σ_i I_i (y_i − x'_i)², sum over features; y = x for reconstruction"),
    "loss_stderr": Measure((), "standard error of loss (for n ≤ 5: its change when the order of the quadrature is halved)"),
    "loss_relative": Measure((), "loss / loss of the best constant predictor Σ_i I_i Var y_i"),
    "dead_outputs": Measure((), "number of ReLU outputs x'_i that are 0 for every possible input (hidden ReLU: input tried)"),
}
"""The losses that every run saves, by name."""


def hidden_l1(hparams: Hparams, params: Params, batch: Batch, *, spec: Spec) -> Float[Array, ""]:
    """Estimate of E ‖h‖₁."""
    h, _ = model.forward(params, batch.x, spec=spec)
    return jnp.sum(objective.PENALTIES["l1"](h) * batch.weight)


ESTIMATES: Registry[FunctionType, Measure] = Registry(
    {
        objective.attacked_loss: Measure((), "expected loss for inputs moved by attack.size · E‖x‖ along the worst row of WᵀW"),
        attack.attack_radius: Measure((), "attack.size · E‖x‖"),
        hidden_l1: Measure((), "E ‖h‖₁"),
        objective.benefit_loss: Measure((), "loss as if for every output no feature but its own could be on"),
        objective.interference_loss: Measure((), "loss − benefit_loss: what features cost each other"),
    }
)
"""Functions (hparams, params, batch, spec) → estimate that a run also evaluates if `measures` names them."""


def sampling_spec(spec: Spec) -> Spec:
    """The Spec by which `ESTIMATES` are evaluated: quadrature of about 65,536 points at most for n ≤ 5, else `active` batches."""
    spec = replace(spec, expectation="sampled")
    if spec.n_features <= QUADRATURE_FEATURES:
        return replace(spec, estimator="quadrature", order=min(32, int(_POINTS ** (1 / spec.n_features)) - 1))
    return replace(spec, estimator="active", batch_size=_SAMPLED_BATCH)


def evaluation_spec(spec: Spec) -> Spec:
    """The Spec by which the loss is evaluated: that of `sampling_spec`, or fewer points by the best known `expectation`."""
    plain = sampling_spec(replace(spec, adversarial=False, penalty=None))
    way = expectation.best(plain)
    order = min(_MOST_NODES, int(_POINTS ** (1 / max(1, spec.n_features - 1))))
    return plain if way == "sampled" else replace(plain, expectation=way, order=order, batch_size=_BATCH)


def _in_strata(spec: Spec) -> bool:
    """Whether inputs with at most one active feature are summed apart from the others."""
    conditioned = spec.expectation != "sampled" and spec.correlation == "independent"
    return conditioned and QUADRATURE_FEATURES < spec.n_features <= _MOST_IN_STRATA


def most_points(spec: Spec) -> int:
    """The most inputs that the evaluation of a model has in memory at once."""
    spec = evaluation_spec(spec)
    return max(spec.points, 1 + _FEW_NODES * spec.n_features if _in_strata(spec) else 0)


def dead_outputs(hparams: Hparams, params: Params, *, spec: Spec) -> Int[Array, ""]:
    """Number of ReLU outputs of a tied model with linear hidden layer that no input of the distribution turns on.

    Output i is dead if b_i + Σ_j max_x (WᵀW)_ij x ≤ 0, where x runs over the law's support and, unless the feature is always on,
    0. The gradient of such an output is 0, so it stays dead and loses E y_i². Other activations have no dead outputs.
    """
    if spec.activation != "relu":
        return jnp.zeros((), jnp.int32)
    low, high = data.LAWS[spec.law].support
    gram = params["W"].T @ params["W"]
    most = jnp.where(gram > 0, gram * high, gram * low)
    most = jnp.where(hparams.density[None, :] < 1, jnp.maximum(most, 0.0), most).sum(axis=1)
    return jnp.sum(most + params["b"] <= 0)


def evaluate(key: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """`MEASURES` of one model by name, and those of `ESTIMATES` that `spec.measures` names.

    With the same key for all models, differences of their losses have little noise. The relative loss is NaN where targets are
    constant.
    """
    key, of_loss = jax.random.fold_in(key, EVALUATION), evaluation_spec(spec)
    functions = [function for function in ESTIMATES if function.__name__ in spec.measures]
    if of_loss.expectation == "sampled":
        results = _sampled(key, hparams, params, [objective.loss, *functions], spec=of_loss)
    else:
        results = _sampled(jax.random.clone(key), hparams, params, functions, spec=sampling_spec(spec))
        results |= _conditioned(key, hparams, params, spec=of_loss)
    on, constant = results.pop("on", None), objective.constant_loss(hparams, spec=spec)
    return results | {
        "loss_relative": jnp.where(constant > 0, results["loss"] / constant, jnp.nan),
        "dead_outputs": dead_outputs(hparams, params, spec=spec) if on is None else jnp.sum(~on),
    }


def _sampled(key: Array, hparams: Hparams, params: Params, functions: list[FunctionType], *, spec: Spec) -> dict[str, Array]:
    """What functions expect of batches of a `sampling_spec`, and which outputs were `on` if that has no closed form.

    The error of a loss is its change when the order of the quadrature is halved, or that of the mean of batches.
    """
    bounded = spec.activation != "relu" or spec.is_linear
    if bounded and not functions:
        return {}

    def estimator(spec: Spec) -> Callable[[Array], dict[str, Array]]:
        sample = data.sampler(hparams, spec=spec)

        def estimate(key: Array) -> dict[str, Array]:
            batch = sample(key)
            estimates = {function.__name__: function(hparams, params, batch, spec=spec) for function in functions}
            if bounded:
                return estimates
            _, output = model.forward(params, batch.x, spec=spec)
            return estimates | {"on": ((output > 0) & (batch.weight > 0)[None, :]).any(axis=1)}

        return estimate

    if spec.estimator == "quadrature":
        estimates = estimator(spec)(key)
        if objective.loss in functions:
            coarse = estimator(replace(spec, order=max(1, spec.order // 2)))(key)
            estimates["loss_stderr"] = jnp.abs(estimates["loss"] - coarse["loss"])
        return estimates
    by_batch = jax.lax.map(estimator(spec), jax.random.split(key, _SAMPLED_REPLICATES))
    estimates = {name: values.any(axis=0) if name == "on" else values.mean() for name, values in by_batch.items()}
    if objective.loss in functions:
        estimates["loss_stderr"] = by_batch["loss"].std(ddof=1) / _SAMPLED_REPLICATES**0.5
    return estimates


def _conditioned(key: Array, hparams: Hparams, params: Params, *, spec: Spec) -> dict[str, Array]:
    """The loss and its standard error, with outputs' own features integrated out, by an `evaluation_spec`.

    By quadrature, the error is the change when the order is halved. Else it is that of the mean of batches: if features are
    independent and not too many, inputs with at most one active feature are summed by quadrature, and batches have the rest;
    coefficients of control variates come from batches of their own. Both errors include the rounding of sums.
    """
    way, nothing = expectation.EXPECTATIONS[spec.expectation], expectation.no_statistics(spec)
    if spec.estimator == "quadrature":
        specs = spec, replace(spec, order=spec.order // 2)
        inputs = [expectation.inputs(hparams, spec=spec)(()) for spec in specs]
        fine, coarse = (way.loss(hparams, params, points, nothing, spec=spec)[0] for points in inputs)
        return {"loss": fine, "loss_stderr": jnp.abs(fine - coarse) + _ROUNDING * fine}
    in_strata = _in_strata(spec)
    estimator = patterns.TWO_ACTIVE if in_strata else data.ESTIMATORS[spec.estimator]
    realise = estimator.realise(hparams, spec)

    def estimate(inputs: expectation.Inputs, known: expectation.Statistics) -> tuple[Array, expectation.Statistics]:
        return way.loss(hparams, params, inputs, known, spec=spec)

    def of_few(known: expectation.Statistics) -> tuple[Array, expectation.Statistics]:
        return estimate(patterns.at_most_one(hparams, _FEW_NODES, spec=spec), known)

    def some_batches(known: expectation.Statistics, of: tuple[Array, Array]):
        """The coefficients for later rounds, which come from the first one, and this round's losses."""
        number, keys = of
        by_batch, sums = jax.lax.map(lambda key: estimate(realise(estimator.draw(key, spec)), known), keys)
        seen, exact = jax.tree.map(lambda sums: sums.mean(axis=0), sums), jnp.zeros(())
        if in_strata:  # once for the coefficients, once for the loss
            exact, more = jax.lax.cond(number < 2, of_few, lambda known: (jnp.zeros(()), nothing), known)
            seen = jax.tree.map(jnp.add, seen, more)
        return jax.tree.map(partial(jnp.where, number == 0), seen, known), (by_batch, exact)

    pilot, key = jax.random.split(key)
    keys = jnp.concatenate([jax.random.split(pilot, _PILOT), jax.random.split(key, _REPLICATES)]).reshape(-1, _PILOT)
    _, (by_batch, exact) = jax.lax.scan(some_batches, nothing, (jnp.arange(len(keys)), keys))
    by_batch, loss = by_batch[1:].ravel(), by_batch[1:].mean() + exact[1]
    return {"loss": loss, "loss_stderr": by_batch.std(ddof=1) / _REPLICATES**0.5 + _ROUNDING * loss}
