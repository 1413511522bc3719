"""What is chosen by platform and by shape, in one place. Nothing here changes a result by more than rounding."""

from typing import Any

from superposition_jax.core import evaluation
from superposition_jax.types import Spec

_ARRAY_BYTES = {"cpu": 2**19}
"""Size of a (feature, batch) array over all models of a device, by platform: on a CPU, larger ones fall out of the cache."""
_MOST_ARRAY_BYTES = 2**28
"""The same for other platforms, in training and in evaluation: few models at once would start many small kernels."""
_EVALUATED_BYTES = {"cpu": 2**17}
"""The same for models that are evaluated at once: on a CPU few, so that little is wasted on a tile's padding."""
_SLICE = {"cpu": 256}
"""Inputs of a batch that are used at once, by platform: longer rows of a (feature, batch) array fall out of a CPU's cache."""
_LONG = 2e9
"""Feature·inputs (over all models and steps) from which on faster code is worth a longer compilation."""


def slices(spec: Spec, platform: str) -> int:
    """The number of slices in which a batch is used."""
    size = _SLICE.get(platform, spec.points)
    whole = spec.estimator == "quadrature" or spec.points % size or spec.adversarial  # an attack's length is the batch's
    return 1 if whole else max(1, spec.points // size)


def models_at_once(spec: Spec, platform: str) -> int:
    """The number of models that a device trains at a time."""
    array = 4 * spec.n_features * spec.points // slices(spec, platform)
    if spec.expectation != "sampled":  # which has twice as many such arrays
        array *= 2
    return -(-_ARRAY_BYTES.get(platform, _MOST_ARRAY_BYTES) // array)


def evaluated_at_once(spec: Spec, platform: str) -> int:
    """The number of models that a device evaluates at a time."""
    return max(1, _EVALUATED_BYTES.get(platform, _MOST_ARRAY_BYTES) // (4 * spec.n_features * evaluation.most_points(spec)))


def quick_to_compile(platform: str) -> dict[str, Any]:
    """XLA's options for a program that runs once. On CPUs level 1 runs as fast as level 3, and newer fusions compile slowly."""
    return {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False} if platform == "cpu" else {}


def compiler_options(spec: Spec, platform: str, program: str, models: int) -> dict[str, Any]:
    """XLA's options for a program of `population`: newer fusions where training takes long."""
    work = float(models) * spec.steps * spec.points * spec.n_features
    is_long = platform == "cpu" and program == "advance" and work > _LONG
    return quick_to_compile(platform) | ({"xla_cpu_use_fusion_emitters": True} if is_long else {})
