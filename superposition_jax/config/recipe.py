"""Batch, steps and learning rate of `train=fast` by the shape of a model, where a config leaves them to it.

With them median final losses come within a hundredth of the published recipe's (`benchmarks`, tests/test_science.py). Where
outputs' own features are integrated out, gradients have less noise: fewer inputs and larger steps are enough.
"""

import numpy as np

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
