"""The hypothesis' levels: which models are decomposable, linear, superposed, basis-aligned, monosemantic."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import INDEPENDENT

ROTATIONS = 200
"""Number of random rotations of the hidden layer that a model's basis is compared with."""
LEVELS = {
    "decomposable": ("interaction_share < 0.05", lambda measures: measures["interaction_share"] < 0.05),
    "linear": ("linear_share > 0.95", lambda measures: measures["linear_share"] > 0.95),
    "not superposed": ("represented ≤ rank", lambda measures: measures["represented"] <= measures["rank"]),
    "partially aligned": ("less_aligned_rotations > 0.975", lambda measures: measures["less_aligned_rotations"] > 0.975),
    "basis-aligned": ("aligned > 0.9", lambda measures: measures["aligned"] > 0.9),
    "monosemantic": ("features_a_neuron < 1.5", lambda measures: measures["features_a_neuron"] < 1.5),
}
"""The paper's levels in its order, each with its rule in words and as a function of the measures of the trained basis."""

_BASIS, _NOTHING = ("basis",), "no feature is represented"
_VARIABLES = {
    "linear_share": Variable("R² of h ≈ Σ_i x_i d_i + constant, with the best d_i", _BASIS),
    "interaction_share": Variable(
        "1 − Σ_i Var E[h | x_i] / Var h: share of the variance due to interactions of features", _BASIS
    ),
    "aligned": Variable("mean alignment of represented features", _BASIS, nan=_NOTHING),
    "aligned_z": Variable(
        f"distance of aligned from its mean over {ROTATIONS} random rotations, in their standard deviations", _BASIS, nan=_NOTHING
    ),
    "less_aligned_rotations": Variable("share of these rotations that are less aligned", _BASIS, nan=_NOTHING),
    "neuron_features": Variable(
        "effective number of features in neuron k: (Σ_i V_i)² / Σ_i V_i² with V_i = Var E[h_k | x_i]", ("basis", "hidden")
    ),
    "features_a_neuron": Variable("mean of neuron_features, weighted by Var h_k", _BASIS),
    "information": Variable("mutual information of h_k and whether x_i is on, in bits", ("basis", "hidden", "feature")),
    "information_share": Variable(
        "max_i information / max(H(x_i on), H(h_k on)), mean over neurons weighted by Var h_k",
        _BASIS,
        nan="features are always on",
    ),
    "basis_loss": Variable("loss as trained, and after a random rotation of the hidden layer", _BASIS),
    "on_level": Variable("whether a model is " + ", ".join(f"{name} ({rule})" for name, (rule, _) in LEVELS.items()), ("level",)),
}

EXPERIMENT = Declared(
    tables={"hierarchy": Table(f"{__name__}.table", _VARIABLES, needs=(INDEPENDENT,))},
    figures={name: Figure(f"{__name__}.figure", table="hierarchy") for name in ("hierarchy", "bases")},
)
