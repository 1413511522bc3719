"""Tables: what an experiment works out of its results and keeps beside them, by the name under which a sweep asks for it."""

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module

import numpy as np
import xarray as xr

from superposition_jax.engine.trainer import Trainer
from superposition_jax.results import status
from superposition_jax.sweep import Group
from superposition_jax.types import PARAMS

TABLES: dict[str, str | Callable[[xr.Dataset, Trainer], xr.Dataset]] = {
    "phase": "phase.table",
    "solids": "solids.table",
    "demonstration": "demonstration.table",
    "partners": "sets.table",
    "crossing": "crossing.table",
    "neurons": "neurons.table",
    "asymmetry": "neurons.motifs",
    "plateaus": "uniform.table",
    "jumps": "learning.jumps",
    "stages": "learning.stages",
    "superposed": "penalty.table",
    "vulnerability": "adversarial.table",
    "dictionary": "autoencoder.table",
    "simulation": "simulation.table",
    "hierarchy": "hierarchy.table",
    "interference": "interference.table",
    "packing": "packing.table",
    "recovery": "recovery.table",
}
"""Functions (Dataset, Trainer) → Dataset of new variables by name: the function, or the module of this package that holds it.

What a table found is the attribute `findings` of its Dataset, in sentences, a line each.
"""
NAMES = {
    *("repaired", "candidate", "only_seed", "best_loss", "reached", "phase", "phase_mean"),
    *("candidate_loss", "optimised_loss", "optimised_norm", "optimised_superposition"),
    "digons",
    *("contribution", "features_per_neuron", "neurons_per_feature"),
    *("superposed", "vulnerability", "plateau"),
    *("dictionary", "sae", "sae_seed", "sae_features_found", "sae_latents_true", "sae_matched", "sae_chance"),
    *("sae_explained", "sae_on", "sae_dead", "sae_latents"),
    *("simulation_error", "simulation_independent", "simulation_dedicated", "simulation_linear", "simulation_density"),
    *("represented_coherence", "represented_rms", "packed_coherence", "packed_worst", "bound_coherence", "random_coherence"),
    *("recovery_error", "recovery_matrix", "recovery_decoder"),
    *("packing_vectors", "packing_m", "packing_epsilon", "packing_quantile"),
    *("on_level_early", "on_level_late", "event_time", "event_drop"),
    *(
        "axis_share",
        "within_least",
        "within_most",
        "partner",
        "roundness",
        "line_step",
        "line_share",
        "triangles_step",
        "antiprism_step",
    ),
    *("asymmetric_pairs", "asymmetric_inhibited", "symmetric_pairs", "symmetric_inhibited"),
    *("within", "within_square", "across_square"),
    *("principal", "loss_over_linear"),
    *("basis", "linear_share", "interaction_share", "aligned", "aligned_z", "aligned_above", "neuron_features"),
    *("features_a_neuron", "information", "information_share", "basis_loss", "level", "kept"),
    *("others", "stage", "activation_value", "false_positive", "false_negative", "false_square", "false_density"),
    *("alternatives", "ambiguous", "linear_benefit", "linear_interference", "one_active_benefit", "one_active_interference"),
    *("component", "component_features", "component_points", "component_dimension", "solid", "solid_features"),
}
"""Names that tables give to variables and dimensions, so that no axis may have them."""


def add(dataset: xr.Dataset, names: Sequence[str], trainer: Trainer) -> xr.Dataset:
    """The dataset with its tables' variables; all that they found becomes the attribute `findings`."""
    for name in names:
        entry = TABLES[name]
        function = getattr(import_module(f"superposition_jax.experiments.{entry}"), name) if isinstance(entry, str) else entry
        table = function(dataset, trainer)
        dataset = dataset.assign_attrs({key: value for key, value in table.attrs.items() if key != "findings"})
        said = [dataset.attrs.get("findings", ""), table.attrs.get("findings", "")]
        dataset = dataset.assign(table.variables).assign_attrs(findings="\n".join(filter(None, said)))
    return dataset


def told(dataset: xr.Dataset, table: xr.Dataset, sentences: Callable[[xr.Dataset], Iterable[str]]) -> xr.Dataset:
    """The table without numbers of models that diverged, and with what `sentences` finds in it and the dataset."""
    whole = status.without_diverged(dataset.assign(table.variables))
    table = table.assign({name: whole[name].variable for name in table.data_vars})
    return table.assign_attrs(findings="\n".join(sentences(whole)))


def parameters(dataset: xr.Dataset, group: Group) -> dict[str, np.ndarray]:
    """A group's trained arrays (model, …), cut to its sizes, in the order of its points."""
    sizes, models = {"hidden": group.spec.n_hidden, "feature": group.spec.n_features}, dataset["status"].dims
    return {
        name: dataset[name]
        .transpose(*models, *param.dims)[{d: slice(sizes[d]) for d in param.dims}]
        .values.reshape(-1, *(sizes[d] for d in param.dims))[group.points]
        for name, param in PARAMS.items()
        if name in dataset
    }


def retrain(trainer: Trainer, points: np.ndarray, start: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Some results (k, …) of models at flat points (k,) that are trained on from `start`; of equal shape in all groups."""
    found = trainer.retrain(points, start)
    order = np.argsort(np.concatenate([here for here, _, _ in found]))
    return {name: np.concatenate([part[name] for _, _, part in found])[order] for name in names}
