"""Containers that the numeric modules share. No logic beyond derived properties."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from flax.struct import PyTreeNode
from jax import Array
from jaxtyping import Float, Int

INIT, DATA, EVALUATION, DICTIONARY, SIMULATION, PACKING, RECOVERY = range(7)
"""Streams of random numbers, folded into the key of a seed."""

Params = dict[str, Array]
"""Trained arrays under the letters of the paper: `W`, or `W_in` and `W_out`, (hidden, feature) and `b` (feature,)."""


@dataclass(frozen=True)
class Spec:
    """All that is compiled in: one program per distinct value. Numbers that may differ within a program are `Hparams`.

    Fields are leaves of the config, which `conf/` explains. Strings are names in registries: `kind` in `model.MODELS`, `law` in
    `data.LAWS`, and so on. `batch_size` counts inputs a step, `order` quadrature nodes of a feature.
    """

    n_features: int
    n_hidden: int
    kind: str = "tied"
    activation: str = "relu"
    hidden_activation: str = "identity"
    bias: bool = True
    init: str = "xavier"
    init_models: int = 10
    law: str = "uniform"
    correlation: str = "independent"
    set_sizes: tuple[int, ...] = ()
    target: str = "identity"
    estimator: str = "active"
    batch_size: int = 128
    order: int = 8
    steps: int = 1000
    optimizer: str = "adam"
    schedule: str = "cosine"
    reduction: str = "sum"
    penalty: str | None = None
    adversarial: bool = False
    measures: tuple[str, ...] = ()
    curve_points: int = 50
    snapshots: int = 0

    @property
    def points(self) -> int:
        """Inputs in a batch of the estimator (quadrature fills up to a multiple of 8 with inputs of weight 0)."""
        return math.prod(order + 1 for order in self.orders) if self.estimator == "quadrature" else self.batch_size

    @property
    def sets(self) -> tuple[int, ...]:
        """Sizes of the sets of features, one after another; each feature alone where they are independent."""
        return self.set_sizes or (1,) * self.n_features

    @property
    def orders(self) -> list[int]:
        """Quadrature nodes of every feature beside 0."""
        return [self.order + i % 2 for i in range(self.n_features)]

    @property
    def curve_steps(self) -> np.ndarray:
        """Steps (counted from 1) at which the loss curve has a point; log-spaced, the last is `steps`."""
        return _log_steps(self.steps, self.curve_points)

    @property
    def snapshot_steps(self) -> np.ndarray:
        """Steps after which the parameters are recorded: 0 (the start), then log-spaced up to `steps`; or none."""
        return np.concatenate([[0], _log_steps(self.steps, self.snapshots)]) if self.snapshots else np.zeros(0, int)


@functools.cache
def _log_steps(steps: int, points: int) -> np.ndarray:
    """At most `points` log-spaced whole numbers down from `steps`, ascending."""
    found = np.unique(np.round(np.geomspace(steps, 1, points)).astype(int))
    found.flags.writeable = False  # one array for all who ask
    return found


class Hparams(PyTreeNode):
    """Numbers of one model. Every leaf may differ from model to model inside one compiled program.

    `density` is P(x_i ≠ 0) and `importance` I_i. Relative are `init_bias`, to the mean E y_i; `warmup`, to the number of steps;
    `final_rate`, to `learning_rate`; `attack_size`, to E‖x‖. `conf/` explains the others.

    With more leading axes (seed, cell, …) the same container holds those of many models, on the host as NumPy arrays.
    """

    density: Float[Array, "*model feature"]
    importance: Float[Array, "*model feature"]
    value_exponent: Float[Array, "*model"]
    init_scale: Float[Array, "*model"]
    init_bias: Float[Array, "*model"]
    learning_rate: Float[Array, "*model"]
    weight_decay: Float[Array, "*model"]
    momentum: Float[Array, "*model"]
    b1: Float[Array, "*model"]
    b2: Float[Array, "*model"]
    eps: Float[Array, "*model"]
    warmup: Float[Array, "*model"]
    final_rate: Float[Array, "*model"]
    penalty_weight: Float[Array, "*model"]
    attack_size: Float[Array, "*model"]


FEATURE_NUMBERS = ("density", "importance")
"""Fields of `Hparams` with a number for every feature; results keep them as `feature_density` and `feature_importance`."""


class Batch(NamedTuple):
    """Inputs and their weights: Σ_b weight[b]·f(x[:, b]) estimates E f(x)."""

    x: Float[Array, "feature batch"]
    weight: Float[Array, " batch"]


class History(PyTreeNode):
    """What a model leaves behind on the way: the loss curve and, if asked for, parameters at the snapshot steps."""

    loss_curve: Float[Array, " step"]
    snapshots: dict[str, Array]


class TrainState(PyTreeNode):
    """All that training carries from step to step. The data of a step is a function of (seed, step), so no key is in here."""

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    diverged_at: Int[Array, ""]
    """Step whose update was not finite (the parameters stay as before it), −1 if there was none."""
    history: History


class StepInfo(NamedTuple):
    """What a step reports: the estimate of what is minimised before its update (sum over features)."""

    loss: Float[Array, ""]


_Name = TypeVar("_Name")
_Entry = TypeVar("_Entry")


class Registry(dict[_Name, _Entry]):
    """Entries by name, to which users may add theirs."""

    def __init__(self, entries: Mapping[_Name, _Entry] = MappingProxyType({}), **by_name: _Entry) -> None:
        super().__init__(entries, **by_name)
        self._original = dict(self)

    @property
    def is_original(self) -> bool:
        """Whether the entries are those of this package: none added, replaced or removed."""
        return self == self._original


def described(meaning: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with `meaning` as its docstring, which `--list` shows."""
    function.__doc__ = meaning
    return function


class Measure(NamedTuple):
    """A named result: its dimensions after those of the sweep, and what it is, with its formula."""

    dims: tuple[str, ...]
    meaning: str


PARAMS = {
    "W": Measure(("hidden", "feature"), "weights; column W_i is the direction of feature i"),
    "W_in": Measure(("hidden", "feature"), "input weights; column i is the direction of feature i, a row is a neuron"),
    "W_out": Measure(("hidden", "feature"), "output weights; column i is what output i reads, a row is a neuron"),
    "b": Measure(("feature",), "bias of the output"),
}
"""Arrays that models may have."""
