"""The expected loss of the real model, in double precision, by a rule that has nothing in common with the package's."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from superposition_jax.core import data, model
from superposition_jax.types import Spec


def expected_loss(*arguments, points=(5000, 500, 40)):
    """E Σ I_i (x_i − x'_i)² of p, w, b, importance, law, exponent, by the model itself, the midpoint rule extrapolated."""
    coarse, fine = (midpoint(*arguments, points=[k * size for size in points]) for k in (1, 2))
    return (4 * fine - coarse) / 3


def midpoint(p, w, b, importance, law="uniform", exponent=1.0, *, points):
    """Midpoint rule in the law's quantile over every set of active features."""
    w, b, importance = (np.asarray(value, float) for value in (w, b, importance))
    hidden, n = w.shape
    spec, total = Spec(n_features=n, n_hidden=hidden), 0.0
    with jax.enable_x64(True):
        for active in itertools.product([False, True], repeat=n):
            k = sum(active)
            size = points[k - 1] if k else 1
            u = (np.arange(size) + 0.5) / size
            values = np.asarray(data.LAWS[law].quantile(u, exponent))
            x = np.zeros((n, size**k))
            x[np.flatnonzero(active)] = np.stack([g.ravel() for g in np.meshgrid(*[values] * k)]) if k else 0
            out = np.asarray(model.forward({"W": jnp.asarray(w), "b": jnp.asarray(b)}, jnp.asarray(x), spec=spec)[1])
            total += p**k * (1 - p) ** (n - k) * (importance @ (x - out) ** 2).mean()
    return total
