"""Superposition as a phase change: the phase of the last, extra feature in every cell, beside the paper's candidates."""

from collections.abc import Sequence

from superposition_jax.experiments import REACHED
from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import Need
from superposition_jax.sweep import Grid
from superposition_jax.types import Spec

PHASES = ("not represented", "dedicated dimension", "superposition", "triangle")
"""Meanings of the numbers 0 to 3 in variables named phase; −1 where all seeds diverged, or no candidate is known.

A triangle is superposition too, of three features in a plane; 2 is any other, such as an antipodal pair.
"""
FLAGS = {
    "flag_values": [*range(len(PHASES)), -1],
    "flag_meanings": " ".join(name.replace(" ", "_") for name in (*PHASES, "all diverged")),
}
"""Attributes of a phase, by the CF conventions."""
_PHASES = ", ".join(f"{number} {name}" for number, name in enumerate(PHASES)) + ", −1 all diverged"
_EQUAL = ("model.n_features", "model.n_hidden", "data.importance", "data.density.", "data.sparsity.")
"""Beginnings of the leaves of the config that must be equal in all models."""


def _plane(specs: Sequence[Spec], grid: Grid) -> str | None:
    """Why a sweep is no phase diagram, which stands on the plane of density and the last feature's importance; or None."""
    extra = f"data.importance.list.{specs[0].n_features - 1}"
    plane = {axis.path: axis for axis in grid.axes if axis.path in ("data.density", "data.sparsity", extra)}
    if len(plane) < 2 or extra not in plane:
        return f"needs sweep axes over data.density and {extra}"
    for axis in grid.axes:
        if axis.path not in plane and axis.path.startswith(_EQUAL):
            return f"compares equal models: it needs another path than sweep.axes.{axis.name}.path = {axis.path!r}"
        if axis.path in plane and [other.dim for other in grid.axes].count(axis.dim) > 1:
            return f"draws this axis by itself: it needs null, not sweep.axes.{axis.name}.zip = {axis.dim!r}"
        if axis.path in plane and list(axis.values) not in (sorted(axis.values), sorted(axis.values, reverse=True)):
            return f"draws this axis: it needs values in order, not sweep.axes.{axis.name} = {list(axis.values)}"
    if (least := min(plane[extra].values)) <= 0:
        return f"draws this axis logarithmically: it needs values above 0, not sweep.axes.{plane[extra].name} = {least}"
    return None


_UNKNOWN = "the candidates are not known there"
_NOT_PAPERS = f"{_UNKNOWN}, or the paper does not have this one"


def _of_candidate(meaning: str, nan: str = _UNKNOWN) -> Variable:
    return Variable(meaning, ("candidate",), "cell", nan, optional=True)


_OPTIMISED = "least loss of the candidate's arrangement: the best norms and biases, held to its angles"
_VARIABLES = {
    "best_loss": Variable("least loss over seeds", per="cell", nan="all seeds diverged"),
    "reached": Variable(f"share of seeds within {REACHED:.0%} of best_loss", per="cell", nan="all seeds diverged"),
    "phase": Variable(f"phase of the extra feature in the best seed's W: {_PHASES}", per="cell"),
    "phase_mean": Variable(f"the same for means over all seeds but the worst: {_PHASES}", per="cell"),
    "candidate_loss": _of_candidate("loss of the paper's candidate solution, in closed form", _NOT_PAPERS),
    "optimised_loss": _of_candidate(_OPTIMISED),
    "optimised_norm": _of_candidate("‖W_i‖ of the extra feature in the optimised candidate"),
    "optimised_superposition": _of_candidate("Σ_{j≠i} (Ŵ_i·W_j)² of the extra feature in the optimised candidate"),
    "optimised_phase": _of_candidate(f"phase of the extra feature in the optimised candidate: {_PHASES}, or unknown", nan=""),
}

_PLANE = Need("sweep axes over data.density and the last feature's importance, in order, neither of them zipped", _plane)

EXPERIMENT = Declared(
    tables={"phase": Table(f"{__name__}.table", _VARIABLES, (_PLANE,))},
    figures={"phase": Figure(f"{__name__}.figure", table="phase")},
)
