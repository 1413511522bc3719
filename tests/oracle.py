"""The expected loss of the real model, in double precision, by a rule that has nothing in common with the package's."""

import itertools

import jax
import numpy as np

from superposition_jax.core import data, model
from superposition_jax.theory import losses
from superposition_jax.types import Spec

FORWARD = jax.jit(model.forward, static_argnames="spec")


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
            out = np.asarray(FORWARD({"W": w, "b": b}, x, spec=spec)[1])
            total += p**k * (1 - p) ** (n - k) * (importance @ (x - out) ** 2).mean()
    return total


def pair_error(p, gain, interference, bias):
    """E (x − ReLU(gain·x − interference·y + bias))² for x and y of density p and law U[0,1], exactly; arguments broadcast.

    With both on, the integral over x is a closed form. It is a cubic in y between 0, the y up to which the output is above 0 for
    every x, the y from which it is 0 for every x, and 1, so that two Gauss nodes in each interval are exact.
    """
    p, a, c, b = np.broadcast_arrays(*(np.asarray(value, float) for value in (p, gain, interference, bias)))
    safe = np.where(c > 0, c, 1.0)
    always, never = (np.where(c > 0, np.clip(edge / safe, 0.0, 1.0), edge > 0) for edge in (b, a + b))
    both = (1 - never) / 3
    for low, high in ((np.zeros_like(p), always), (always, never)):
        for node in (-(3**-0.5), 3**-0.5):
            y = low + (high - low) * (1 + node) / 2
            both = both + (high - low) / 2 * losses.ramp_error(1.0, a, b - c * y)
    single = losses.ramp_error(1.0, a, b) + losses.ramp_error(0.0, -c, b)
    return (1 - p) ** 2 * np.maximum(b, 0) ** 2 + p * (1 - p) * single + p**2 * both


def antipodal_loss(p, r, norms, biases):
    """Exact loss of two features of importances 1 and r on one line, W = (a, −c), for any norms a, c and biases; law U[0,1].

    With a = c = 1 and b = 0 it is (1 + r)·p²/6. The minimum is lower: a positive bias makes up for what interference takes away,
    and a shorter column interferes less.
    """
    (a, c), (b, d) = (tuple(np.asarray(value, float) for value in pair) for pair in (norms, biases))
    return pair_error(p, a * a, a * c, b) + np.asarray(r, float) * pair_error(p, c * c, a * c, d)
