"""Batch, steps and learning rate of `train=fast` by the shape of a model, where a config leaves them to it.

With them median final losses come within a hundredth of the published recipe's (`benchmarks`, tests/test_science.py). Where
outputs' own features are integrated out, gradients have less noise: fewer inputs and larger steps are enough.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike

from superposition_jax.sweep import Grid, Group
from superposition_jax.types import Spec


def batch_size(spec: Spec) -> int:
    """Inputs of a step, the power of two above 7√n, 16 to 128, or above 6n, 32 to 256, if nothing is integrated out."""
    least, most, of_n = (32, 256, 6 * spec.n_features) if spec.expectation == "sampled" else (16, 128, 7 * spec.n_features**0.5)
    return int(np.clip(2 ** np.ceil(np.log2(of_n)), least, most))


def steps(spec: Spec) -> int:
    """500 steps up to n = 20, then as n^0.62 up to 2,500; if nothing is integrated out, 1,000 and n^0.3. Whole hundreds."""
    if spec.expectation == "sampled":
        return 100 * round(10 * max(1.0, (spec.n_features / 20) ** 0.3))
    return 100 * min(25, round(5 * max(1.0, (spec.n_features / 20) ** 0.62)))


def learning_rate(spec: Spec) -> float:
    """0.05 up to n = 20, then falling as n^−0.35, or 0.02 if nothing is integrated out."""
    return 0.02 if spec.expectation == "sampled" else 0.05 * min(1.0, (20 / spec.n_features) ** 0.35)


def used(grid: Grid, groups: Sequence[Group]) -> dict[str, Any]:
    """What all models of a sweep are trained with, by leaf of the config, whether it was given or left to the shape.

    A leaf has one value, or a mapping of `dims`, the sweep's dimensions on which it depends, and `values` along these. With
    quadrature there is no batch size.
    """
    columns = {
        "train.expectation": [group.spec.expectation for group in groups],
        "train.batch_size": [None if group.spec.estimator == "quadrature" else group.spec.batch_size for group in groups],
        "train.steps": [group.spec.steps for group in groups],
        "train.learning_rate": [_decimal(group.hparams.learning_rate) for group in groups],
    }
    return {path: _along(grid, [group.points for group in groups], values) for path, values in columns.items()}


def _decimal(values: ArrayLike) -> Any:
    """Numbers in single precision (point,) as those of their few digits; one number if they are equal."""
    distinct, places = np.unique(values, return_inverse=True)
    numbers = np.array([float(str(value)) for value in distinct])
    return numbers[places] if numbers.size > 1 else numbers.item()


def _along(grid: Grid, points: Sequence[np.ndarray], values: Sequence[Any]) -> Any:
    """The value of all models, or those along the dimensions on which they depend; each array of points has one or (point,)."""
    if all(np.ndim(value) == 0 and value == values[0] for value in values):
        return values[0]
    array, dims = np.empty(grid.n_points, object), [*grid.sizes]
    for some, value in zip(points, values, strict=True):
        array[some] = value
    array = grid.unravel(array)
    for axis in reversed(range(array.ndim)):
        if (array == array.take([0], axis)).all():
            array = array.take(0, axis)
            del dims[axis]
    return {"dims": dims, "values": array.tolist()}
