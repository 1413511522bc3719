"""Checks that tables and figures can be made of a sweep, before it is trained."""

from collections.abc import Sequence
from typing import Any

from superposition_jax.config.rules import reject
from superposition_jax.errors import ConfigError
from superposition_jax.experiments import figures
from superposition_jax.experiments.needs import NEEDS
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec


def refuse_unmet(made: list[str], drawn: list[str], grid: Grid, specs: Sequence[Spec], leaves: dict[str, Any]) -> None:
    """Refuse tables and figures of what is not there; raises ConfigError."""
    for name in made:
        for need in NEEDS.get(name, []):
            if not need.holds(specs, grid):
                raise ConfigError(f"tables = {made}: {name} needs {need.words}")
    if "phase" in made:
        _check_phase(made, grid, leaves)
    paths = {axis.path.replace("data.sparsity", "data.density") for axis in grid.axes}
    for name in drawn:
        needs = figures.NEEDS.get(name, {})
        if "tables" in needs and needs["tables"] not in made:
            raise ConfigError(f"figures = {drawn}: {name} needs tables=[{needs['tables']}]")
        if "axis" in needs and needs["axis"] not in paths:
            raise ConfigError(f"figures = {drawn}: {name} needs a sweep axis over {needs['axis']}")
        if "snapshots" in needs and not all(spec.snapshots for spec in specs):
            raise ConfigError(f"figures = {drawn}: {name} needs train.snapshots above 0")


def _check_phase(made: list[str], grid: Grid, leaves: dict[str, Any]) -> None:
    """The phase diagram stands on the plane of density and the last feature's importance."""
    if "phase" not in made:
        return
    last = f"data.importance.list.{leaves['model.n_features'] - 1}"
    across = [axis for axis in grid.axes if axis.path in ("data.density", "data.sparsity")]
    up = [axis for axis in grid.axes if axis.path == last]
    if not across or not up:
        raise reject("tables", made, f"without phase, or with sweep axes over data.density and {last}")
    for axis in grid.axes:
        if axis in (*across, *up):
            if any(other.dim == axis.dim for other in grid.axes if other is not axis):
                raise reject(f"sweep.axes.{axis.name}.zip", axis.dim, "null, since tables = phase draws this axis by itself")
            if list(axis.values) not in (sorted(axis.values), sorted(axis.values, reverse=True)):
                raise reject(f"sweep.axes.{axis.name}", list(axis.values), "in order, since tables = phase draws this axis")
        elif axis.path in ("model.n_features", "model.n_hidden") or axis.path.startswith(
            ("data.importance", "data.density.", "data.sparsity.")
        ):
            raise reject(f"sweep.axes.{axis.name}.path", axis.path, "another leaf, since tables = phase compares equal models")
    if min(up[0].values) <= 0:
        raise reject(
            f"sweep.axes.{up[0].name}", min(up[0].values), "above 0, since tables = phase draws this axis logarithmically"
        )
