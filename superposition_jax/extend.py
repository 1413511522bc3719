"""All registries to which a module of yours may add a name, and the types of their entries.

A module mine.py, which the command imports first with `imports=[mine]`::

    import jax.numpy as jnp
    from superposition_jax import extend

    extend.TARGETS["product"] = extend.Target(jnp.multiply, arity=2, meaning="y_i = x_i · x_{i+1}")
"""

from superposition_jax.core.data import ESTIMATORS, IMPORTANCES, Estimator
from superposition_jax.core.evaluation import ESTIMATES
from superposition_jax.core.expectation import EXPECTATIONS, Expectation
from superposition_jax.core.geometry import MEASURES
from superposition_jax.core.laws import LAWS, Law
from superposition_jax.core.model import ACTIVATIONS, INITS, MODELS, Model
from superposition_jax.core.objective import PENALTIES
from superposition_jax.core.optimizer import OPTIMIZERS, SCHEDULES
from superposition_jax.core.targets import TARGETS, Target
from superposition_jax.experiments.declare import Figure, Table, Variable
from superposition_jax.experiments.needs import Need
from superposition_jax.experiments.registry import FIGURES, TABLES
from superposition_jax.results.trackers import TRACKERS, Record
from superposition_jax.types import PARAMS, Batch, Hparams, Measure, Spec

__all__ = [
    "ACTIVATIONS", "ESTIMATES", "ESTIMATORS", "EXPECTATIONS", "FIGURES", "IMPORTANCES", "INITS", "LAWS", "MEASURES", "MODELS",
    "OPTIMIZERS", "PARAMS", "PENALTIES", "SCHEDULES", "TABLES", "TARGETS", "TRACKERS", "Batch", "Estimator", "Expectation",
    "Figure", "Hparams", "Law", "Measure", "Model", "Need", "Record", "Spec", "Table", "Target", "Variable",
]  # fmt: skip
