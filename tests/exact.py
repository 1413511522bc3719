"""The exact loss for values U[0, 1] by NumPy alone, and SciPy's minimum within a pattern: nothing of the package is used."""

import functools
import itertools

import numpy as np
from scipy.optimize import minimize


def exact_loss(p, w, b, importance, nodes=(96, 32, 10, 6)):
    """E Σ I_j (x_j − ReLU(W_j·Wx + b_j))² for densities p (feature,): over every pattern of other active features by Gauss nodes,
    as many as `nodes` has for one, two, … of them, and over an output's own feature in closed form."""
    w, b, gram, total = np.asarray(w, float), np.asarray(b, float), np.transpose(w) @ np.asarray(w, float), 0.0
    for j, active in itertools.product(range(len(b)), itertools.product([0, 1], repeat=len(b))):
        if active[j]:
            continue
        others = np.flatnonzero(active)
        chance = np.prod([p[i] if active[i] else 1 - p[i] for i in range(len(b)) if i != j])
        x, weight = rule(len(others), nodes[len(others) - 1])
        t = gram[j, others] @ x + b[j]
        error = (1 - p[j]) * np.maximum(t, 0) ** 2 + p[j] * on_error(gram[j, j], t)
        total += importance[j] * chance * (weight @ error)
    return total


@functools.cache
def rule(features, order):
    node, weight = np.polynomial.legendre.leggauss(order)
    x, weights = (np.meshgrid(*[values] * features, indexing="ij") for values in ((node + 1) / 2, weight / 2))
    if not features:
        return np.zeros((0, 1)), np.ones(1)
    return np.stack([values.ravel() for values in x]), np.prod([values.ravel() for values in weights], axis=0)


def on_error(gain, t):
    """∫₀¹ (x − ReLU(gain·x + t))² dx for gain ≥ 0."""
    kink = np.clip(-t / max(gain, 1e-300), 0, 1)

    def until(x):
        return (1 - gain) ** 2 * x**3 / 3 - (1 - gain) * t * x**2 + t**2 * x

    return kink**3 / 3 + until(1.0) - until(kink)


def least_loss(p, pattern, importance, start, b, nodes=(96, 32, 10, 6), by=None):
    """The least exact loss that BFGS finds from lengths and biases, for W with entries ±length k where the pattern has ±k."""
    pattern, count, by = np.asarray(pattern), len(start), np.arange(len(b)) if by is None else by

    def loss(free):
        w = np.sign(pattern) * np.append(0.0, np.abs(free[:count]))[np.abs(pattern)]
        return exact_loss(p, w, free[count:][by], importance, nodes) / scale

    scale = np.mean(p) ** 2
    best = minimize(loss, [*start, *b], method="BFGS", options={"gtol": 1e-7})
    return best.fun * scale, best.x
