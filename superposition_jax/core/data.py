"""The distribution of features, and estimators of expectations over it.

A feature is x_i = 0 with probability S_i = 1 − p_i, else a value of the law. An estimator is two pure functions: `draw` makes
base uniforms from a key alone, so that models of one seed share them; `realise` prepares everything that depends on a model's
numbers but not on the draws, and returns the function that maps draws to the model's inputs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from superposition_jax.core import sets
from superposition_jax.core.laws import LAWS, nodes
from superposition_jax.core.laws import Law as Law  # the public name is `data.Law`
from superposition_jax.types import Batch, Hparams, Registry, Spec, described

_LANES = 8
"""Quadrature is padded with points of weight 0 to a multiple of this number, so that short rows fill vector registers."""


def moments(hparams: Hparams, *, spec: Spec) -> tuple[Float[Array, " feature"], Float[Array, " feature"]]:
    """E x_i = p_i·E v and E x_i² = p_i·E v² of every feature, inactive inputs included."""
    first, second = LAWS[spec.law].moments(hparams.value_exponent)
    return hparams.density * first, hparams.density * second


IMPORTANCES = Registry(
    {
        "uniform": described("I_i = 1", lambda i, n, decay: np.ones_like(decay * i)),
        "geometric": described("I_i = decay^i", lambda i, n, decay: decay**i),
        "power": described("I_i = (i + 1)^−decay", lambda i, n, decay: (i + 1.0) ** -decay),
        "linear": described("I_i = 1 − decay·i/n", lambda i, n, decay: 1 - decay * i / n),
    }
)
"""Functions (i, n, decay) → importance I_i of feature i = 0 … n − 1, by name."""


def _unit(bits: Array) -> Array:
    """Uniforms on (0, 1] with 2³¹ levels from random bits: fine enough that u/p, given u ≤ p, is uniform for p far below 2⁻¹¹."""
    return ((bits >> 1).astype(jnp.int32).astype(jnp.float32) + 0.5) * 2.0**-31


def _draw_iid(key: Array, spec: Spec) -> Float[Array, "uniform batch"]:
    return _unit(jax.random.bits(key, (sets.uniforms(spec), spec.batch_size), jnp.uint32))


def _realise_iid(hparams: Hparams, spec: Spec) -> Callable[[Float[Array, "uniform batch"]], Batch]:
    chance = sets.chances(hparams.density, spec)
    q, stretch = chance[:, None], 1 / chance[:, None]

    def realise(draws: Float[Array, "uniform batch"]) -> Batch:
        u, of_values = draws[: len(spec.sets)], draws[len(spec.sets) :]
        active, uniform = sets.features(u <= q, jnp.minimum(u * stretch, 1.0), of_values, hparams.density, spec)
        value = LAWS[spec.law].quantile(uniform, hparams.value_exponent)
        return Batch(jnp.where(active, value, 0.0), jnp.full(draws.shape[1], 1 / spec.batch_size))

    return realise


def _draw_active(key: Array, spec: Spec) -> tuple[Float[Array, " batch"], Float[Array, "uniform batch"]]:
    return draw_active(key, sets.uniforms(spec), spec.batch_size)


def draw_active(key: Array, n: int, size: int) -> tuple[Float[Array, " batch"], Float[Array, "uniform batch"]]:
    """Stratified uniforms that choose the first active feature (∞ for the empty input), and a shifted lattice for n further ones.

    The rank-1 lattice u_ib = frac(b·g_i/P + s_i), with P the least prime ≥ B − 1, has a new random generator g_i in 1 … P − 1 and
    a new shift s_i for every uniform and step. Every point is uniform, so estimates are unbiased. Each uniform by itself is
    stratified, pairs of them are as noisy as independent draws, and a step needs 2n + 1 random integers instead of n·B
    (random shifts: Cranley & Patterson 1976; averages over generators: Dick, Kuo & Sloan 2013, Acta Numerica 22, §5).
    """
    prime = next(k for k in range(max(2, size - 1), 2 * size + 1) if all(k % d for d in range(2, int(k**0.5) + 1)))
    random = jax.random.bits(key, (2 * n + 1,), jnp.uint32)
    generator = (1 + (random[:n] >> 1) % (prime - 1)) * jnp.uint32(2**32 // prime)
    u = _unit(jnp.arange(size, dtype=jnp.uint32)[None, :] * generator[:, None] + random[n : 2 * n, None])
    v = (jnp.arange(-1, size - 1, dtype=jnp.float32) + _unit(random[2 * n])) / (size - 1)
    return jnp.where(jnp.arange(size) == 0, jnp.inf, jnp.minimum(v, 1 - 2.0**-24)), u


def first_active(density: Float[Array, " feature"]) -> tuple[Float[Array, " feature"], Float[Array, ""]]:
    """Probabilities p_i Π_{k<i} S_k that feature i is the first active one, and their sum 1 − Π S_k, without cancellation.

    >>> first, some = first_active(jnp.array([0.5, 0.5]))
    >>> first.tolist(), float(some)
    ([0.5, 0.25], 0.75)
    """
    before = jnp.tri(density.shape[0], k=-1, dtype=bool)
    first = density * jnp.where(before, 1 - density[None, :], 1.0).prod(axis=1)
    return first, first.sum()


def _realise_active(hparams: Hparams, spec: Spec) -> Callable[[tuple[Array, Array]], Batch]:
    """Draws choose sets (see `sets`), which choose their features; in the comments below, "feature" means set."""
    chance = sets.chances(hparams.density, spec)
    q, stretch = chance[:, None], 1 / chance[:, None]
    first, some = first_active(chance)
    # Feature i is the first active one where v lies in its interval of the inverse CDF. Where v lies before the interval, an
    # earlier feature is the first, and i is independent of it. Where v lies beyond it (∞ in the empty input), i is off.
    before, empty = jnp.tri(len(spec.sets), k=-1, dtype=bool), jnp.prod(1 - chance)
    start = jnp.where(before, (first / some)[None, :], 0.0).sum(axis=1)[:, None]
    end = jnp.concatenate([start[1:], jnp.full((1, 1), 2.0)])
    other = some / (spec.batch_size - 1)

    def realise(draws: tuple[Array, Array]) -> Batch:
        v, u, of_values = draws[0], draws[1][: len(spec.sets)], draws[1][len(spec.sets) :]
        later, is_first = v[None, :] < start, v[None, :] < end
        on, t = jnp.where(later, u <= q, is_first), jnp.where(later, jnp.minimum(u * stretch, 1.0), u)
        active, uniform = sets.features(on, t, of_values, hparams.density, spec)
        value = LAWS[spec.law].quantile(uniform, hparams.value_exponent)
        return Batch(jnp.where(active, value, 0.0), jnp.where(v == jnp.inf, empty, other))

    return realise


def rule(hparams: Hparams, order: int, *, spec: Spec) -> tuple[Float[Array, " node"], Float[Array, "feature node"]]:
    """Nodes and weights of a rule for expectations over one feature: 0 and `order` nodes of the law."""
    node, weight = nodes(LAWS[spec.law], order, hparams.value_exponent)
    p = hparams.density[:, None]
    return jnp.concatenate([jnp.zeros(1), node]), jnp.concatenate([1 - p, p * weight[None, :]], axis=1)


def _realise_quadrature(hparams: Hparams, spec: Spec) -> Callable[[tuple[()]], Batch]:
    rules = [nodes(LAWS[spec.law], order, hparams.value_exponent) for order in spec.orders]
    values = jnp.meshgrid(*(jnp.concatenate([jnp.zeros(1), value]) for value, _ in rules), indexing="ij")
    weights = jnp.meshgrid(*(jnp.concatenate([jnp.ones(1), weight]) for _, weight in rules), indexing="ij")
    masks = np.stack([mask.ravel() for mask in np.meshgrid(*(np.arange(k + 1) > 0 for k in spec.orders), indexing="ij")])
    x = jnp.stack([value.ravel() for value in values])
    weight = sets.mask_chance(hparams.density, masks, spec) * jnp.stack([weight.ravel() for weight in weights]).prod(axis=0)
    padding = -weight.size % _LANES
    batch = Batch(jnp.pad(x, ((0, 0), (0, padding))), jnp.pad(weight, (0, padding)))
    return lambda draws: batch


class Estimator(NamedTuple):
    """`draw(key, spec)` makes base draws; `realise(hparams, spec)` makes the function that turns them into one model's batch.

    The last axis of every array of draws is the batch, and the function accepts any slice of it.
    """

    draw: Callable[[Array, Spec], Any]
    realise: Callable[[Hparams, Spec], Callable[[Any], Batch]]
    meaning: str = ""


ESTIMATORS = Registry(
    iid=Estimator(_draw_iid, _realise_iid, "independent draws of equal weight, the published recipe"),
    active=Estimator(_draw_active, _realise_active, "the empty input by its weight, and draws with at least one active feature"),
    quadrature=Estimator(lambda key, spec: (), _realise_quadrature, "no noise: about (train.order + 1)ⁿ points, for n ≤ 5"),
)
"""Estimators by name, all unbiased up to single precision (quadrature up to its rule's error).

- `iid`: one uniform u serves as mask and value: u/p where u ≤ p.
- `active`: the empty input has weight Π S_i and is computed once. The first active feature of the other draws comes from a
  stratified uniform by inverse CDF (in steps of 2⁻²⁴), everything else from a lattice.
- `quadrature`: the tensor product of 0 and the nodes of the law in every feature. Features have `order` and `order` + 1 nodes
  in turn, because the kink of an antipodal pair runs along the diagonal, where the points of equal nodes would lie.
"""


def sampler(hparams: Hparams, *, spec: Spec) -> Callable[[Array], Batch]:
    """The function key → batch of one model, by the estimator that `spec` names.

    What does not depend on the key is computed once. x is (feature, batch) and the weights are (batch,).

    >>> from superposition_jax.core.random import key
    >>> spec = Spec(n_features=2, n_hidden=1, estimator="quadrature", order=4)
    >>> hparams = Hparams(jnp.array([0.5, 0.25]), *[jnp.ones(())] * (len(Hparams.__dataclass_fields__) - 1))
    >>> x, weight = sampler(hparams, spec=spec)(key(0))
    >>> x.shape, (x @ weight).round(4).tolist()  # E x_i = p_i/2
    ((2, 32), [0.25, 0.125])
    """
    estimator = ESTIMATORS[spec.estimator]
    realise = estimator.realise(hparams, spec)
    return lambda key: realise(estimator.draw(key, spec))


def joined(sample: Callable[[Array], Batch], key: Array, count: int) -> Batch:
    """`count` batches as one. For `active` this is better than one large batch, whose single lattice may be a bad one."""
    x, weight = jax.lax.map(lambda number: sample(jax.random.fold_in(key, number)), jnp.arange(count))
    return Batch(jnp.moveaxis(x, 0, 1).reshape(x.shape[1], -1), weight.ravel() / count)
