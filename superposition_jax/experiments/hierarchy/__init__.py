"""The hypothesis' levels: which models are decomposable, linear, superposed, basis-aligned, monosemantic."""

from superposition_jax.experiments.declare import INDEPENDENT, Experiment, Figure, Table, Variable

ROTATIONS = 200
"""Random rotations of the hidden layer that a basis is held against."""
LEVELS = {
    "decomposable": "interaction_share < 0.05",
    "linear": "linear_share > 0.95",
    "not superposed": "represented ≤ rank",
    "partially aligned": "less_aligned_rotations > 0.975",
    "basis-aligned": "aligned > 0.9",
    "monosemantic": "features_a_neuron < 1.5",
}
"""The paper's levels in its order, and when a model is on one; a basis is privileged where columns of W are sparser in it."""

_NOTHING = "no feature is represented"

EXPERIMENT = Experiment(
    tables={
        "hierarchy": Table(
            f"{__name__}.table",
            variables={
                "linear_share": Variable("R² of h ≈ Σ x_i d_i and a constant, with the best d_i", ("basis",)),
                "interaction_share": Variable(
                    "1 − Σ_i Var E[h | x_i] / Var h: what several features make of h together", ("basis",)
                ),
                "aligned": Variable("mean alignment of represented features", ("basis",), nan=_NOTHING),
                "aligned_z": Variable(
                    f"standard deviations of aligned from the mean of {ROTATIONS} random rotations", ("basis",), nan=_NOTHING
                ),
                "less_aligned_rotations": Variable("share of these rotations that are less aligned", ("basis",), nan=_NOTHING),
                "neuron_features": Variable(
                    "(Σ V)² / Σ V² of the features' shares V_i = Var E[h_k | x_i] in a neuron", ("basis", "hidden")
                ),
                "features_a_neuron": Variable("mean of neuron_features, weighted by Var h_k", ("basis",)),
                "information": Variable("mutual information of h_k and whether x_i is on, bits", ("basis", "hidden", "feature")),
                "information_share": Variable(
                    "max_i information / max(H(x_i on), H(h_k on)), mean weighted by Var h_k; NaN where features are always on",
                    ("basis",),
                    nan="features are always on",
                ),
                "basis_loss": Variable("loss as trained, and after a random rotation of the hidden layer", ("basis",)),
                "on_level": Variable(
                    "whether a model is " + ", ".join(f"{name} ({rule})" for name, rule in LEVELS.items()), ("level",)
                ),
            },
            needs=(INDEPENDENT,),
        )
    },
    figures={
        "hierarchy": Figure(f"{__name__}.figure", table="hierarchy"),
        "bases": Figure(f"{__name__}.figure", table="hierarchy"),
    },
)
