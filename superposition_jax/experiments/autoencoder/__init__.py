"""Sparse autoencoders of hidden activations: whether they find the features, and their number."""

from superposition_jax.experiments.declare import Declared, Figure, Table, Variable
from superposition_jax.experiments.needs import NOT_NEGATIVE, SEVERAL_HIDDEN, TIED, is_one_of

ALIVE = 1e-3
"""A latent is alive when it is on for more than this share of inputs."""
SAME = 0.9
"""Latents whose directions have a larger cosine count as one."""
STREAM = 3
"""The stream of random numbers for sparse autoencoders, see `Declared`."""

_CASES, _NOTHING = ("dictionary", "sae", "sae_seed"), "no feature is represented, or no latent is alive"
_VARIABLES = {
    "sae_features_found": Variable(
        "mean over represented features of the greatest cosine of W_i with the direction of a living latent", _CASES, nan=_NOTHING
    ),
    "sae_latents_true": Variable(
        "mean over living latents of the greatest cosine of their direction with a represented W_i", _CASES, nan=_NOTHING
    ),
    "sae_matched": Variable(
        "mean cosine of represented features with latents matched one to one; 0 for features that get none", _CASES, nan=_NOTHING
    ),
    "sae_explained": Variable(
        "share of the variance of h that is reconstructed, 1 − E‖h − ĥ‖²/E‖h − E h‖²", _CASES, nan="h is constant"
    ),
    "sae_on": Variable("mean number of latents that are on", _CASES),
    "sae_dead": Variable(f"share of latents that are on for ≤ {ALIVE:.1%} of inputs", _CASES),
    "sae_latents": Variable(
        f"estimated number of features: living latents, those within a cosine of {SAME} counted once", _CASES
    ),
    "sae_chance": Variable(
        "expected greatest cosine of a direction with as many random directions as there are living latents", _CASES
    ),
}
_NEEDS = TIED, SEVERAL_HIDDEN, NOT_NEGATIVE, is_one_of("hidden_activation", "model.hidden_activation", "identity", "relu")

EXPERIMENT = Declared(
    tables={"dictionary": Table(f"{__name__}.table", _VARIABLES, _NEEDS, {"dictionary": "latents per feature, D/n"})},
    figures={name: Figure(f"{__name__}.figure", table="dictionary") for name in ("dictionary", "dictionary_count")},
    stream=STREAM,
)
