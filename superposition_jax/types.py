"""Containers that the numeric modules share, without logic beyond derived properties."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from flax.struct import PyTreeNode
from jax import Array
from jaxtyping import Float, Int

INIT, DATA, EVALUATION = range(3)
"""Numbers of the streams of random numbers, which are folded into a seed's key; experiments declare further ones."""

Params = dict[str, Array]
"""Trained arrays by their letters in the paper: `W`, or `W_in` and `W_out`, (hidden, feature), and `b` (feature,)."""


@dataclass(frozen=True)
class Spec:
    """The static part of a config: one program is compiled for each distinct value. Numbers that may differ are `Hparams`.

    Fields are leaves of the config, which `conf/` explains. Strings are names in registries: `kind` in `model.MODELS`, `law` in
    `data.LAWS`, and so on. `batch_size` is the number of inputs per step, `order` that of quadrature nodes per feature.

    >>> Spec(n_features=20, n_hidden=5, steps=1000, curve_points=4).curve_steps.tolist()
    [1, 10, 100, 1000]
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
    expectation: str = "sampled"
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
        """Number of inputs in a batch, for quadrature without the padding to a multiple of 8."""
        if self.estimator != "quadrature":
            return self.batch_size
        if self.expectation == "sampled":
            return math.prod(order + 1 for order in self.orders)
        others = self.n_features - 1
        return sum(math.comb(others, active) * self.order_of(active, 0) ** active for active in range(others + 1))

    @property
    def sets(self) -> tuple[int, ...]:
        """Sizes of the sets of features, in the order of the features; independent features are sets of one."""
        return self.set_sizes or (1,) * self.n_features

    @property
    def is_linear(self) -> bool:
        """Whether x' = f(WᵀWx + b): one W, and no activation of the hidden layer."""
        return (self.kind, self.hidden_activation) == ("tied", "identity")

    def order_of(self, active: int, feature: int) -> int:
        """Number of quadrature nodes of a feature in inputs with `active` active ones, an output's own feature not counted.

        The more there are, the fewer nodes each needs, as such inputs are rare or their errors smooth. Neighbours differ by one.
        """
        return self.order if active < 2 else max(2, -(-2 * self.order // (1 + active))) + feature % 2

    @property
    def orders(self) -> list[int]:
        """Numbers of quadrature nodes of the features, without the node 0."""
        return [self.order + i % 2 for i in range(self.n_features)]

    @property
    def curve_steps(self) -> np.ndarray:
        """Steps, counted from 1, at which the loss curve has a point: log-spaced, the last one is `steps`."""
        return _log_steps(self.steps, self.curve_points)

    @property
    def snapshot_steps(self) -> np.ndarray:
        """Steps after which the parameters are recorded: 0 for the start, then log-spaced up to `steps`; empty if never."""
        return np.concatenate([[0], _log_steps(self.steps, self.snapshots)]) if self.snapshots else np.zeros(0, int)


@functools.cache
def _log_steps(steps: int, points: int) -> np.ndarray:
    """At most `points` log-spaced whole numbers from 1 to `steps`, ascending; with one point, `steps`."""
    rounded = np.unique(np.round(np.geomspace(steps, 1, points)).astype(int))
    rounded.flags.writeable = False  # the cached array is shared
    return rounded


class Hparams(PyTreeNode):
    """The numbers of one model. All of them may differ from model to model within one compiled program.

    `density` is P(x_i ≠ 0) and `importance` I_i. `init_bias` is in units of the mean E y_i, `warmup` of the number of steps,
    `final_rate` of `learning_rate`, and `attack_size` of E‖x‖. `conf/` explains the others.

    With further leading axes (seed, cell, …) the container holds the numbers of many models, on the host as NumPy arrays.
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
    """Weighted inputs: Σ_b weight[b]·f(x[:, b]) is an estimate of E f(x)."""

    x: Float[Array, "feature batch"]
    weight: Float[Array, " batch"]


class History(PyTreeNode):
    """What is recorded during training: the loss curve and, if there are any, the snapshots of the parameters."""

    loss_curve: Float[Array, " step"]
    snapshots: dict[str, Array]


class TrainState(PyTreeNode):
    """The state that training carries from step to step. It has no key, because a step's data depends on seed and step only."""

    step: Int[Array, ""]
    params: Params
    opt_state: Any
    diverged_at: Int[Array, ""]
    """The step whose update was not finite, since which the parameters are unchanged; −1 if there was none."""
    history: History
    statistics: dict[str, Array]
    """Running means of the statistics of past batches (see `expectation`), each (feature,)."""


_Name = TypeVar("_Name")
_Entry = TypeVar("_Entry")


class Registry(dict[_Name, _Entry]):
    """Entries by name, to which users may add theirs."""

    def __init__(self, *entries: Mapping[_Name, _Entry], **by_name: _Entry) -> None:
        super().__init__(*entries, **by_name)
        self._original = dict(self)

    @property
    def added(self) -> set[_Name]:
        """Names of entries that a user has added."""
        return {*self} - {*self._original}

    @property
    def is_original(self) -> bool:
        """Whether the entries are those of this package: none added, replaced or removed."""
        return self == self._original


def described(meaning: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with `meaning` as its docstring, which `--list` shows."""
    function.__doc__ = meaning
    return function


class Measure(NamedTuple):
    """A named result: its dimensions after those of the sweep, and its meaning with its formula."""

    dims: tuple[str, ...]
    meaning: str


PARAMS = {
    "W": Measure(("hidden", "feature"), "weights; column W_i is the direction of feature i"),
    "W_in": Measure(("hidden", "feature"), "input weights; column i is the direction of feature i, a row is a neuron"),
    "W_out": Measure(("hidden", "feature"), "output weights; column i is what output i reads, a row is a neuron"),
    "b": Measure(("feature",), "bias of the output"),
}
"""The arrays that models may have, by name."""
