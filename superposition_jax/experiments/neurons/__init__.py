"""Superposition in a privileged basis, and computation: which neurons speak for which features, and how they inhibit others."""

from superposition_jax.experiments.declare import RELU_HIDDEN, Experiment, Figure, Table, Variable, is_one_of

SPEAKS = 0.1
"""A neuron speaks for a feature when at least this share of the feature comes out through it alone."""
UNEQUAL = 4.0
"""A shared neuron is asymmetric when it passes interference this many times better one way than the other."""

_INHIBITED = "of these, those whose total interference the rest of the network makes ≤ 0"

EXPERIMENT = Experiment(
    tables={
        "neurons": Table(
            f"{__name__}.table",
            variables={
                "contribution": Variable(
                    "W_out,ki · ReLU(W_in,ki x) at x = 1 (or −1, if x may be negative and that is more)", ("hidden", "feature")
                ),
                "features_per_neuron": Variable(f"number of features with contribution ≥ {SPEAKS} in the neuron", ("hidden",)),
                "neurons_per_feature": Variable(f"number of neurons with contribution ≥ {SPEAKS} to the feature", ("feature",)),
            },
            needs=(RELU_HIDDEN,),
        ),
        "asymmetry": Table(
            f"{__name__}.motifs",
            variables={
                "asymmetric_pairs": Variable(
                    f"pairs of features that share a neuron {UNEQUAL:g} times more open one way than the other"
                ),
                "asymmetric_inhibited": Variable(_INHIBITED),
                "symmetric_pairs": Variable(
                    f"pairs of features that share a neuron less than {UNEQUAL:g} times more open one way"
                ),
                "symmetric_inhibited": Variable(_INHIBITED),
            },
            needs=(is_one_of("kind", "model.kind", "untied"), RELU_HIDDEN, is_one_of("law", "data.values.law", "signed")),
        ),
    },
    figures={
        "neurons": Figure(f"{__name__}.figure", table="neurons"),
        "circuit": Figure(f"{__name__}.circuit", table="asymmetry"),
    },
)
