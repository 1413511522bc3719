"""Superposition in a privileged basis, and computation: which neurons serve which features, and how they inhibit each other."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import RELU_HIDDEN, is_one_of

SERVES = 0.1
"""A neuron serves a feature when it alone passes at least this share of the feature to the output."""
UNEQUAL = 4.0
"""Two features share a neuron asymmetrically when one interferes this many times more with the other than the other with it."""

_INHIBITED = "such pairs whose interference, summed over all neurons, is ≤ 0"

_NEURONS = {
    "contribution": Variable(
        "what neuron k adds to output i at x_i = 1, or −1 if that is more: W_out,ki · ReLU(W_in,ki x_i)", ("hidden", "feature")
    ),
    "features_per_neuron": Variable(f"number of features to which the neuron contributes ≥ {SERVES}", ("hidden",)),
    "neurons_per_feature": Variable(f"number of neurons that contribute ≥ {SERVES} to the feature", ("feature",)),
}
_ASYMMETRY = {
    "asymmetric_pairs": Variable(
        f"pairs of features in one neuron that interfere ≥ {UNEQUAL:g} times more one way than the other"
    ),
    "asymmetric_inhibited": Variable(_INHIBITED),
    "symmetric_pairs": Variable(
        f"pairs of features in one neuron that interfere less than {UNEQUAL:g} times more one way than the other"
    ),
    "symmetric_inhibited": Variable(_INHIBITED),
}

EXPERIMENT = Declared(
    tables={
        "neurons": Table(f"{__name__}.table", variables=_NEURONS, needs=(RELU_HIDDEN,)),
        "asymmetry": Table(
            f"{__name__}.motifs",
            variables=_ASYMMETRY,
            needs=(is_one_of("kind", "model.kind", "untied"), RELU_HIDDEN, is_one_of("law", "data.values.law", "signed")),
        ),
    },
    figures={
        "neurons": Figure(f"{__name__}.figure", table="neurons"),
        "circuit": Figure(f"{__name__}.circuit", table="asymmetry"),
    },
)
