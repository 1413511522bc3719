"""Recovery of sparse x from h = Wx: by a ReLU layer, linearly, by matching pursuit and by ℓ₁ minimisation.

All decoders know W, and all but the linear one use that x ≥ 0. Inputs are (feature, batch), h is (hidden, batch).
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from superposition_jax.core import linalg
from superposition_jax.core.geometry import Weights, feature_norm, normalised
from superposition_jax.types import Batch

Hidden = Float[Array, "hidden batch"]
Inputs = Float[Array, "feature batch"]
_RATE, _STEPS = 0.03, 400
"""The first learning rate and the number of steps with which gains and biases are fitted."""
_SOLVED = 1e-4
"""Matching pursuit stops when ‖residual‖ is below this share of ‖h‖."""
_DROPPED = 0.1
"""Matching pursuit leaves out features whose ‖W_i‖ is below this share of the greatest: residuals would give them huge values."""
_PENALTY, _ITERATIONS, _FALLING = 1e-3, 1200, 0.8
"""For ℓ₁: the last λ over max Wᵀh (from 1 on, x = 0), the iterations, and the share of them in which λ falls to the last."""


def error(x: Inputs, estimate: Inputs, weight: Float[Array, " batch"], variance: Float[Array, " feature"]) -> Float[Array, ""]:
    """E‖x − x'‖² over Σ Var x_i, the error of the best constant."""
    return jnp.sum(weight * jnp.sum((x - estimate) ** 2, axis=0)) / variance.sum()


def relu(z: Inputs, gain: Float[Array, " feature"], b: Float[Array, " feature"]) -> Inputs:
    """ReLU(g_i z_i + b_i) of z = Wᵀh; with g = 1 the model's own decoder."""
    return jax.nn.relu(gain[:, None] * z + b[:, None])


def fit_relu(w: Weights, batch: Batch) -> tuple[Float[Array, " feature"], Float[Array, " feature"]]:
    """Gains and biases with which `relu` has the least error on a batch for this W, by Adam.

    Outputs have no parameters in common. Each starts from the best affine function of its W_i·h. A tied model has less freedom:
    its gains ‖W_i‖ also determine h.
    """
    z, optimizer = w.T @ (w @ batch.x), optax.adam(optax.cosine_decay_schedule(_RATE, _STEPS))
    mean_x, mean_z = batch.x @ batch.weight, z @ batch.weight
    dx, dz = batch.x - mean_x[:, None], z - mean_z[:, None]
    spread = jnp.sqrt((dz * dz) @ batch.weight)
    scale = jnp.where(spread > 0, jnp.sqrt((dx * dx) @ batch.weight) / jnp.where(spread > 0, spread, 1.0), 0.0)
    size = jnp.sum(batch.x**2 @ batch.weight)

    def loss(fitted: tuple[Array, Array]) -> Array:
        gain, b = fitted
        error = batch.x - relu(z, gain * scale, b)
        return jnp.sum((error * error) @ batch.weight) / size

    def step(state: tuple, _: None) -> tuple[tuple, None]:
        fitted, opt_state = state
        updates, opt_state = optimizer.update(jax.grad(loss)(fitted), opt_state)
        return (jax.tree.map(jnp.add, fitted, updates), opt_state), None

    slope = jnp.where(spread > 0, (dx * dz) @ batch.weight / jnp.where(spread > 0, spread, 1.0) ** 2, 0.0)
    start = jnp.where(scale > 0, slope / jnp.where(scale > 0, scale, 1.0), 0.0), mean_x - slope * mean_z
    ((gain, b), _), _ = jax.lax.scan(step, (start, optimizer.init(start)), None, length=_STEPS)
    return gain * scale, b


def least_squares(w: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The best linear decoder A h + c of independent x_i with these moments, for any number of models, in double precision.

    A = VWᵀ (W V Wᵀ)⁺ is (…, feature, hidden), with V = diag(variance), and c = (1 − A W) E x is (…, feature).

    >>> a, c = least_squares(np.array([[1.0, 0.0]]), np.full(2, 0.5), np.ones(2))
    >>> a.round(6).tolist(), c.round(6).tolist()
    ([[1.0], [0.0]], [0.0, 0.5])
    """
    w, mean, variance = (np.asarray(values, np.float64) for values in (w, mean, variance))
    across = variance[..., :, None] * np.swapaxes(w, -1, -2)
    a = across @ np.linalg.pinv(w @ across, hermitian=True)
    return a, mean - np.einsum("...nm,...mk,...k->...n", a, w, mean)


def matching_pursuit(w: Weights, h: Hidden) -> Inputs:
    """Orthogonal matching pursuit (Pati et al. 1993): least squares over chosen features, one more in every step.

    The next feature is the one of largest cosine with the residual. It ends when the residual is 0 or m/2 features are chosen
    (for a generic W no two x of so few features have the same h: Donoho & Elad 2003). Because x ≥ 0, cosines count with their
    sign (as in Bruckstein et al. 2008), and negative values become 0 at the end. Features that W nearly drops are never chosen.
    Chosen directions are stored as an orthonormal basis q = W t, with t in the coordinates of features.
    """
    (m, n), size, most = w.shape, h.shape[1], max(1, w.shape[0] // 2)
    norm, unit = feature_norm(w), normalised(w)
    free = jnp.broadcast_to((norm >= _DROPPED * norm.max())[:, None], (n, size))
    least = _SOLVED * jnp.sqrt(jnp.sum(h * h, axis=0))

    def step(state: tuple, number: Array) -> tuple[tuple, None]:
        x, residual, basis, back, free = state
        nearest = jnp.argmax(jnp.where(free, unit.T @ residual, -jnp.inf), axis=0)
        chosen = jax.nn.one_hot(nearest, n, axis=0)
        q, t = unit @ chosen, chosen
        for _ in range(2):  # twice, for orthogonality in single precision
            overlap = jnp.einsum("mkb,mb->kb", basis, q)
            q, t = q - jnp.einsum("mkb,kb->mb", basis, overlap), t - jnp.einsum("nkb,kb->nb", back, overlap)
        length = jnp.sqrt(jnp.sum(q * q, axis=0))
        continues = (jnp.sqrt(jnp.sum(residual * residual, axis=0)) > least) & (length > _SOLVED)
        inverse = jnp.where(continues, 1 / jnp.where(continues, length, 1.0), 0.0)[None, :]
        q, t = q * inverse, t * inverse
        along = jnp.sum(q * residual, axis=0)[None, :]
        state = x + t * along, residual - q * along, basis.at[:, number].set(q), back.at[:, number].set(t), free & (chosen == 0)
        return state, None

    start = jnp.zeros((n, size)), h, jnp.zeros((m, most, size)), jnp.zeros((n, most, size)), free
    (x, *_), _ = jax.lax.scan(step, start, jnp.arange(most))
    return jax.nn.relu(jnp.where(norm > 0, 1 / jnp.where(norm > 0, norm, 1.0), 0.0)[:, None] * x)


def l1(w: Weights, h: Hidden) -> Inputs:
    """argmin ½‖h − Wx‖² + λ Σ x_i over x ≥ 0 with λ a thousandth of max Wᵀh: nearly the x ≥ 0 of least Σ x_i with Wx = h.

    FISTA (Beck & Teboulle 2009), restarted where its momentum leads uphill (O'Donoghue & Candès 2015), with a λ that falls
    geometrically to its last value (continuation; Hale, Yin & Zhang 2008).
    """
    projected = w.T @ h
    most = jnp.max(projected, axis=0, keepdims=True)
    rate = 1 / jnp.maximum(linalg.greatest_eigenvalue(w @ w.T), 1e-12)

    def step(state: tuple, number: Array) -> tuple[tuple, None]:
        x, y, t = state
        penalty = most * _PENALTY ** jnp.minimum(number / (_FALLING * _ITERATIONS), 1.0)
        after = jax.nn.relu(y - rate * (w.T @ (w @ y) - projected + penalty))
        uphill = jnp.sum((y - after) * (after - x), axis=0, keepdims=True) > 0
        t = jnp.where(uphill, 1.0, t)
        later = (1 + jnp.sqrt(1 + 4 * t * t)) / 2
        return (after, after + jnp.where(uphill, 0.0, (t - 1) / later) * (after - x), later), None

    start = jnp.zeros_like(projected), jnp.zeros_like(projected), jnp.ones((1, h.shape[1]))
    (x, _, _), _ = jax.lax.scan(step, start, jnp.arange(_ITERATIONS))
    return x
