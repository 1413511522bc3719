"""Almost orthogonal vectors: how many there are, and how near trained features come to the best packings."""

from superposition_jax.experiments.declare import SEVERAL_HIDDEN, TIED, Experiment, Figure, Table, Variable, every

MOST = 256
"""Number of vectors up to which the greatest is looked for."""

STREAM = 5
"""Number of this folder's stream of random numbers."""

EXPERIMENT = Experiment(
    tables={
        "packing": Table(
            f"{__name__}.table",
            variables={
                "represented_coherence": Variable("max |Ŵ_i·Ŵ_j| over represented features"),
                "represented_rms": Variable("root mean square of Ŵ_i·Ŵ_j over pairs of represented features"),
                "packed_coherence": Variable("least max |cos| found of as many unit vectors in R^m as features are represented"),
                "packed_worst": Variable("the same of the worst restart"),
                "bound_coherence": Variable("least coherence of as many vectors in R^m by the bounds of Welch and Levenshtein"),
                "random_coherence": Variable(
                    "quantiles of the coherence of as many random directions in R^m", ("packing_quantile",)
                ),
                "packing_vectors": Variable(
                    "greatest number of unit vectors found in R^m with |cos| ≤ ε", ("packing_m", "packing_epsilon"), each="run"
                ),
            },
            needs=(TIED, SEVERAL_HIDDEN, every(lambda spec: spec.n_features <= 1024, "model.n_features up to 1024")),
        )
    },
    figures={
        "packing": Figure(f"{__name__}.figure", table="packing"),
        "coherence": Figure(f"{__name__}.figure", table="packing"),
    },
    stream=STREAM,
)
