"""superposition_jax: a batched-sweep engine for Toy Models of Superposition (Elhage et al. 2022).

From Python::

    import superposition_jax
    ds = superposition_jax.run(["sweep=sparsity", "train.steps=500"])
    ds = superposition_jax.load("outputs/sparsity/<time>")
    superposition_jax.explore("outputs/sparsity/<time>")
"""

from importlib import import_module
from typing import Any

from superposition_jax.command.api import check, explore, load, measure, run
from superposition_jax.version import __version__

__all__ = ["__version__", "check", "explore", "load", "measure", "run"]

_MODULES = {
    **{name: f"core.{name}" for name in ("data", "evaluation", "geometry", "model", "objective", "optimizer", "targets")},
    **{name: f"experiments.{name}" for name in ("figures", "tables")},
    **{"trackers": "results.trackers", "bounds": "theory.bounds", "candidates": "experiments.phase.candidates"},
    **{name: name for name in ("extend", "theory", "types")},
}
"""Modules by the names that users know: `from superposition_jax import data`."""


def __getattr__(name: str) -> Any:
    """One of `_MODULES`, imported when it is asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module 'superposition_jax' has no attribute {name!r}")
    return import_module(f"superposition_jax.{_MODULES[name]}")
