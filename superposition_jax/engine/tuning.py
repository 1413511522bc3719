"""What is chosen by platform and by shape, in one place. Nothing here changes a result by more than rounding."""

from typing import Any

from superposition_jax.types import Spec

_ARRAY_BYTES = {"cpu": 2**19}
"""By platform, of one (feature, batch) array over all models of a device: on a CPU, larger ones fall out of the cache."""
_MOST_ARRAY_BYTES = 2**28
_BLOCK = {"cpu": 256}
"""By platform, the inputs of a batch that are used at once: a longer row of a (feature, batch) array falls out of the cache."""
_LONG = 2e9
"""Feature·inputs (over all models and steps) from which code that runs faster is worth a longer compilation."""


def blocks(spec: Spec, platform: str) -> int:
    """In how many blocks a batch is used."""
    size = _BLOCK.get(platform, spec.points)
    whole = spec.estimator == "quadrature" or spec.points % size or spec.adversarial  # an attack's length is the batch's
    return 1 if whole else max(1, spec.points // size)


def models_at_once(spec: Spec, platform: str) -> int:
    """How many models a device trains at a time."""
    array = 4 * spec.n_features * spec.points // blocks(spec, platform)
    return -(-_ARRAY_BYTES.get(platform, _MOST_ARRAY_BYTES) // array)


def compiler_options(spec: Spec, platform: str, program: str, models: int) -> dict[str, Any]:
    """Options of a program of `population`. On CPUs level 1 runs as fast as level 3, and newer fusions take long to compile."""
    if platform != "cpu":
        return {}
    work = float(models) * spec.steps * spec.points * spec.n_features
    return {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": program == "advance" and work > _LONG}
