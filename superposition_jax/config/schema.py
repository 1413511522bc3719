"""Every leaf of the config: the field that it fills, which values are allowed, and what it needs of others.

`conf/` has the meanings and defaults. A `Number` fills a field of `Hparams` and may vary within a program; every other leaf fills
one of `Spec` and is compiled in.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from superposition_jax.config.rules import Choice, Integer, Leaf, Names, Number, Numbers, Shard, Sizes, shown
from superposition_jax.core import data, evaluation, expectation, model, objective, optimizer, sets, targets
from superposition_jax.results import trackers
from superposition_jax.types import Registry

ATTACKABLE = {"model.kind": "tied", "model.hidden_activation": "identity"}
"""Models whose adversarial inputs `attack` knows."""
LEAVES: dict[str, Leaf] = {
    "seed": Number(None, 0, 2**32 - 1, whole=True),
    "model.n_features": Integer("n_features"),
    "model.n_hidden": Integer("n_hidden"),
    "model.kind": Choice("kind", model.MODELS),
    "model.activation": Choice("activation", model.ACTIVATIONS),
    "model.hidden_activation": Choice("hidden_activation", model.ACTIVATIONS),
    "model.bias": Choice("bias", [True, False]),
    "model.init.kind": Choice("init", model.INITS),
    "model.init.scale": Number("init_scale", optional=True),
    "model.init.scales": Numbers(None, optional=True),
    "model.init.bias": Number("init_bias", only_with={"model.bias": [True]}),
    "model.init.models": Integer("init_models", only_with={"model.init.kind": ["notebook"]}),
    "data.sparsity": Number(None, 0, 1, open="high", per_feature=True, optional=True),
    "data.density": Number(None, 0, 1, open="low", per_feature=True, optional=True),
    "data.sets.kind": Choice("correlation", sets.KINDS),
    "data.sets.sizes": Sizes("set_sizes", optional=True, only_with={"data.sets.kind": ["correlated", "anticorrelated"]}),
    "data.values.law": Choice("law", data.LAWS),
    "data.values.exponent": Number("value_exponent", 0, open="low", only_with={"data.values.law": ["power"]}),
    "data.importance.kind": Choice(None, data.IMPORTANCES, only_with={"data.importance.list": [None]}),
    "data.importance.decay": Number(None, 0, only_with={"data.importance.kind": ["geometric", "power", "linear"]}),
    "data.importance.list": Number(None, 0, per_feature=True, optional=True),
    "target.kind": Choice("target", targets.TARGETS),
    "train.estimator": Choice("estimator", data.ESTIMATORS),
    "train.expectation": Choice("expectation", expectation.EXPECTATIONS, optional=True),
    "train.batch_size": Integer("batch_size", 2, optional=True, only_with={"train.estimator": ["iid", "active"]}),
    "train.order": Integer("order", only_with={"train.estimator": ["quadrature"]}),
    "train.steps": Integer("steps", optional=True),
    "train.optimizer": Choice("optimizer", optimizer.OPTIMIZERS),
    "train.learning_rate": Number("learning_rate", 0, optional=True),
    "train.weight_decay": Number("weight_decay", only_with={"train.optimizer": ["adamw", "sgd"]}),
    "train.momentum": Number("momentum", 0, 1, open="high", only_with={"train.optimizer": ["sgd"]}),
    "train.b1": Number("b1", 0, 1, open="high", only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.b2": Number("b2", 0, 1, open="high", only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.eps": Number("eps", 0, only_with={"train.optimizer": ["adam", "adamw"]}),
    "train.schedule.kind": Choice("schedule", optimizer.SCHEDULES),
    "train.schedule.warmup": Number("warmup", 0, 1),
    "train.schedule.final": Number("final_rate", 0, only_with={"train.schedule.kind": ["linear", "cosine"]}),
    "train.reduction": Choice("reduction", ["sum", "mean"]),
    "train.penalty.kind": Choice("penalty", objective.PENALTIES, optional=True),
    "train.penalty.weight": Number("penalty_weight", 0, only_with={"train.penalty.kind": objective.PENALTIES}),
    "train.adversarial": Choice("adversarial", [True, False], needs={True: ATTACKABLE}),
    "train.curve_points": Integer("curve_points", 2, 10_000),
    "train.snapshots": Integer("snapshots", 0, 10_000),
    "attack.size": Number(
        "attack_size", 0, open="low", only_with={"measures": ["attacked_loss", "attack_radius"], "train.adversarial": [True]}
    ),
    "measures": Names("measures", evaluation.ESTIMATES, needs={"attacked_loss": ATTACKABLE}),
}
"""Leaves that decide a result: all that can be an axis."""
RUNTIME: dict[str, Leaf] = {
    "runtime.devices": Integer("devices", high=2048, optional=True),  # XLA has at most 2,048 CPU devices per process
    "runtime.chunk": Integer("chunk", optional=True),
    "runtime.shard": Shard("shard", optional=True),
    "runtime.distributed": Choice("distributed", [True, False]),
    "runtime.save_every": Number("save_every", low=0),
    "runtime.overwrite": Choice("overwrite", [True, False]),
    "runtime.tracker": Choice("tracker", trackers.TRACKERS, optional=True),
    "runtime.keep_programs": Choice("keep_programs", [True, False]),
}
"""Leaves that decide where and how a run is trained, but no result; they fill fields of `RunConfig`."""


def _added(leaf: Leaf) -> set[Any]:
    """Names that a user has added to those of a leaf; their functions may use any other leaf."""
    registry = leaf.names if isinstance(leaf, Choice) else leaf.functions if isinstance(leaf, Names) else ()
    return {getattr(entry, "__name__", entry) for entry in registry.added} if isinstance(registry, Registry) else set()


def without_effect(path: str, values: Mapping[str, Sequence[Any]]) -> str:
    """Why a leaf changes no result, in words; empty if it does. `values` are those that each leaf takes in the sweep.

    >>> without_effect("train.momentum", {"train.optimizer": ["adam"]})
    "changes nothing with train.optimizer = 'adam'; it needs train.optimizer = sgd"
    >>> without_effect("train.momentum", {"train.optimizer": ["adam", "sgd"]})
    ''
    """
    unmet, needed = [], []
    for other, allowed in LEAVES[path].only_with.items():
        given = list(values[other])
        chosen = [value for entry in given for value in (entry if isinstance(entry, list) else [entry])]
        if any(value in allowed or (isinstance(value, str) and value in _added(LEAVES[other])) for value in chosen):
            return without_effect(other, values)
        names = ["null" if name is None else str(name).lower() for name in allowed]
        unmet.append(f"{other} = {shown(given[0] if len(given) == 1 else given)}")
        is_list = isinstance(LEAVES[other], Names)
        needed.append(" or ".join(f"{other}=[{name}]" for name in names) if is_list else f"{other} = {' or '.join(names)}")
    return f"changes nothing with {' and '.join(unmet)}; it needs {' or '.join(needed)}" if unmet else ""
