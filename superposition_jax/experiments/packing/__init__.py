"""Almost orthogonal vectors: how many there are, and how near trained features come to the best packings."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import SEVERAL_HIDDEN, TIED, every_model

MOST = 256
"""The most vectors that are tried."""
STREAM = 5
"""The stream of random numbers for optimised vectors, see `Declared`."""

_PACKED = "max |cos| of as many unit vectors in R^m as features are represented, optimised: the best restart"
_FOUND = f"most unit vectors in R^m found with |cos| ≤ ε, up to {MOST}"
_VARIABLES = {
    "represented_coherence": Variable("max |Ŵ_i·Ŵ_j| over represented features"),
    "represented_rms": Variable("root mean square of Ŵ_i·Ŵ_j over pairs of represented features"),
    "packed_coherence": Variable(_PACKED),
    "packed_worst": Variable("the same for the worst restart"),
    "bound_coherence": Variable("lower bound on max |cos| of as many vectors in R^m (Welch, Levenshtein)"),
    "random_coherence": Variable("quantiles of max |cos| of as many random directions in R^m", ("packing_quantile",)),
    "packing_vectors": Variable(_FOUND, ("packing_m", "packing_epsilon"), per="run"),
}
_NOT_TOO_MANY = every_model(lambda spec: spec.n_features <= 1024, "model.n_features up to 1024")

EXPERIMENT = Declared(
    tables={"packing": Table(f"{__name__}.table", _VARIABLES, (TIED, SEVERAL_HIDDEN, _NOT_TOO_MANY))},
    figures={name: Figure(f"{__name__}.figure", table="packing") for name in ("packing", "coherence")},
    stream=STREAM,
)
