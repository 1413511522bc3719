"""Superposition in a privileged basis, and computation: which neurons serve which features, and how they inhibit each other."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import RELU_HIDDEN, is_one_of

SERVES = 0.1
"""A neuron serves a feature when it alone passes at least this share of the feature to the output."""
UNEQUAL = 4.0
"""Two features share a neuron asymmetrically when one interferes this many times more with the other than the other with it."""

_ADDED = "what neuron k adds to output i at x_i = 1, or −1 if that is more: W_out,ki · ReLU(W_in,ki x_i)"
_NEURONS = {
    "contribution": Variable(_ADDED, ("hidden", "feature")),
    "features_per_neuron": Variable(f"number of features to which the neuron contributes ≥ {SERVES}", ("hidden",)),
    "neurons_per_feature": Variable(f"number of neurons that contribute ≥ {SERVES} to the feature", ("feature",)),
}
_PAIRS = "pairs of features in one neuron that interfere {} {:g} times more one way than the other"
_INHIBITED = Variable("such pairs whose interference, summed over all neurons, is ≤ 0")
ASYMMETRY = {
    "asymmetric_pairs": Variable(_PAIRS.format("≥", UNEQUAL)),
    "asymmetric_inhibited": _INHIBITED,
    "symmetric_pairs": Variable(_PAIRS.format("less than", UNEQUAL)),
    "symmetric_inhibited": _INHIBITED,
}

_UNTIED, _SIGNED = is_one_of("kind", "model.kind", "untied"), is_one_of("law", "data.values.law", "signed")

EXPERIMENT = Declared(
    tables={
        "neurons": Table(f"{__name__}.table", _NEURONS, (RELU_HIDDEN,)),
        "asymmetry": Table(f"{__name__}.motifs", ASYMMETRY, (_UNTIED, RELU_HIDDEN, _SIGNED)),
    },
    figures={
        "neurons": Figure(f"{__name__}.figure", table="neurons"),
        "circuit": Figure(f"{__name__}.figure", table="asymmetry"),
    },
)
