"""All tables and figures by name: those that the folders of this package declare, and a user's own."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from superposition_jax.errors import ConfigError
from superposition_jax.experiments import FOLDERS
from superposition_jax.experiments.declare import Declared, Figure, Table
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec

if TYPE_CHECKING:
    import matplotlib.animation
    import matplotlib.figure
    import xarray as xr

    from superposition_jax.engine.trainer import Trainer

EXPERIMENTS: dict[str, Declared] = {name: import_module(f"{__package__}.{name}").EXPERIMENT for name in FOLDERS}
"""The declaration of every folder."""
TABLES: "dict[str, Table | Callable[[xr.Dataset, Trainer], xr.Dataset]]" = {
    name: table for experiment in EXPERIMENTS.values() for name, table in experiment.tables.items()
}
"""Declarations, or users' functions (Dataset, Trainer) → Dataset of new variables on the sweep's dimensions.

The attribute `findings` of the Dataset that such a function returns has its findings, a sentence on each line.
"""
FIGURES: "dict[str, Figure | Callable[[xr.Dataset], matplotlib.figure.Figure | matplotlib.animation.Animation]]" = {
    name: figure for experiment in EXPERIMENTS.values() for name, figure in experiment.figures.items()
}
"""Declarations, or users' functions Dataset → matplotlib Figure or Animation."""


def reserved_names() -> set[str]:
    """Names of the declared variables and their dimensions, which no axis may have."""
    tables = [table for table in TABLES.values() if isinstance(table, Table)]
    return {"repaired"}.union(*(table.variables.keys() | table.dims for table in tables))


def refuse_unmet_needs(tables: Sequence[str], figures: Sequence[str], grid: Grid, specs: Sequence[Spec]) -> None:
    """Raise a ConfigError that says in one line all that a sweep lacks for one of its tables or figures, if it lacks anything."""
    for key, names, registry in (("tables", tables, TABLES), ("figures", figures, FIGURES)):
        for name in names:
            entry = registry[name]
            if isinstance(entry, Figure) and entry.table not in (None, *tables):
                raise ConfigError(f"figures = {[*figures]}: {name} needs tables=[{entry.table}]")
            needs = entry.needs if isinstance(entry, (Table, Figure)) else ()
            if missing := [words for need in needs if (words := need.missing(specs, grid))]:
                raise ConfigError(f"{key} = {[*names]}: {name} {' and '.join(missing)}")
