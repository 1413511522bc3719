"""Turns the leaves of a config into a `Spec`, what is compiled in, and refuses leaves that do not go together."""

import os
from typing import Any

import numpy as np

from superposition_jax.config.rules import reject
from superposition_jax.config.schema import LEAVES, without_effect
from superposition_jax.core import evaluation, sets, targets
from superposition_jax.engine import memory
from superposition_jax.errors import ConfigError
from superposition_jax.types import Spec


def read_spec(leaves: dict[str, Any]) -> Spec:
    """The Spec of leaves whose values are allowed; raises ConfigError where they do not go together."""
    n = leaves["model.n_features"]
    fields = {leaf.field: leaves[path] for path, leaf in LEAVES.items() if leaf.field in Spec.__dataclass_fields__}
    fields |= {"set_sizes": set_sizes(leaves), "measures": tuple(leaves["measures"])}
    fields["init_models"] = leaves["model.init.models"] if leaves["model.init.kind"] == "notebook" else 1
    fields["batch_size"] = leaves["train.batch_size"] or _fast_batch_size(n)
    fields["steps"] = leaves["train.steps"] or _fast_steps(n)
    spec = Spec(**fields)
    if spec.estimator == "quadrature" and n > evaluation.QUADRATURE_FEATURES:
        raise ConfigError(
            f"train.estimator = 'quadrature': takes about (order + 1)^n points, so model.n_features must be ≤ "
            f"{evaluation.QUADRATURE_FEATURES}, not {n}"
        )
    if (arity := targets.TARGETS[spec.target].arity) > n:
        raise ConfigError(
            f"target.kind = {spec.target!r}: joins {arity} features, so model.n_features must be ≥ {arity}, not {n}"
        )
    weight, values = leaves["train.penalty.weight"], {path: [value] for path, value in leaves.items()}
    if weight and (why := without_effect("train.penalty.weight", values)):
        raise ConfigError(f"train.penalty.weight = {weight}: {why}")
    if targets.TARGETS[spec.target].arity > 1 and spec.correlation != "independent":
        raise ConfigError(f"target.kind = {spec.target!r}: joins neighbours, so data.sets.kind must be independent")
    attacks = spec.adversarial or "attacked_loss" in spec.measures
    if attacks and (spec.kind, spec.hidden_activation) != ("tied", "identity"):
        key = "train.adversarial = True" if spec.adversarial else f"measures = {list(spec.measures)}"
        raise ConfigError(
            f"{key}: the attack is known for model.kind = tied with model.hidden_activation = identity, "
            f"not for {spec.kind} with {spec.hidden_activation}"
        )
    if spec.init == "polygon" and spec.n_hidden < 2:
        raise ConfigError(f"model.init.kind = 'polygon': needs model.n_hidden ≥ 2, not {spec.n_hidden}")
    _refuse_too_large(spec)
    return spec


def set_sizes(leaves: dict[str, Any]) -> tuple[int, ...]:
    """Sizes of the sets, none where features are independent."""
    if leaves["data.sets.kind"] == "independent":
        return ()
    n, given = leaves["model.n_features"], leaves["data.sets.sizes"]
    sizes = sets.sizes(leaves["data.sets.kind"], given, n)
    if sum(sizes) != n:
        raise reject("data.sets.sizes", given, f"one size that divides model.n_features = {n}, or a list of sizes that sum to it")
    return sizes


def _fast_batch_size(n: int) -> int:
    """The least power of two that is at least 6n, between 32 and 256."""
    return int(np.clip(2 ** np.ceil(np.log2(6 * n)), 32, 256))


def _fast_steps(n: int) -> int:
    """1,000 steps up to n = 20, then growing as n to the power 0.3, in whole hundreds: 1,500 at n = 80 and 2,500 at n = 400.

    As many as the median final loss needs to come down to the published recipe's (`benchmarks`, tests/test_science.py).
    """
    return 100 * round(10 * max(1.0, (n / 20) ** 0.3))


def _refuse_too_large(spec: Spec) -> None:
    """Refuse a single model that this machine cannot hold."""
    needed, available = memory.of_model(spec), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed <= available:
        return
    batch = f"train.order = {spec.order}" if spec.estimator == "quadrature" else f"train.batch_size = {spec.batch_size}"
    raise ConfigError(
        f"model.n_features = {spec.n_features}, model.n_hidden = {spec.n_hidden}, {batch}: one model needs about "
        f"{needed / 2**30:.3g} GiB, this machine has {available / 2**30:.3g} GiB"
    )
