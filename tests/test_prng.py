"""The generator's bits look random to tests that would see a weak hash, and JAX's keys work with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from superposition_jax.core import linalg, random

SIGMA = 5


def bits(key, count):
    return np.asarray(jax.random.bits(key, (count,), jnp.uint32))


def keys(how):
    """256 related keys: consecutive seeds, consecutive steps of one seed, or the parts of a split key."""
    numbers = jnp.arange(256)
    if how == "seeds":
        return jax.vmap(random.key)(numbers)
    if how == "steps":
        return jax.vmap(lambda step: jax.random.fold_in(random.key(7), step))(numbers)
    return jax.random.split(random.key(7), 256)


@pytest.fixture(scope="module", params=["seeds", "steps", "split"])
def table(request):
    """Words (key, counter) of related keys."""
    return np.asarray(jax.vmap(lambda key: jax.random.bits(key, (4096,), jnp.uint32))(keys(request.param)))


@pytest.mark.parametrize("shift", [24, 16, 8, 1])
def test_every_byte_is_uniform(table, shift):
    counts = np.bincount(((table >> shift) & 255).ravel(), minlength=256)
    expected = table.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < SIGMA * np.sqrt(2 * 255)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 16, 128])
def test_neighbours_are_independent(table, axis, lag):
    """Pairs of the leading four bits fill their 256 cells evenly, along the counter and along the keys."""
    words = np.moveaxis(table >> 28, axis, 0)
    pairs = (16 * words[:-lag] + words[lag:]).ravel()
    counts = np.bincount(pairs, minlength=256)
    expected = pairs.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) < SIGMA * np.sqrt(2 * 255)


def test_one_bit_of_the_seed_changes_half_of_the_bits():
    first = bits(random.key(12345), 4096)
    for bit in range(32):
        flipped = np.unpackbits((first ^ bits(random.key(np.uint32(12345 ^ (1 << bit))), 4096)).view(np.uint8)).mean()
        assert abs(flipped - 0.5) < SIGMA * 0.5 / np.sqrt(32 * 4096), bit


def test_related_keys_are_all_different():
    data = [np.asarray(jax.random.key_data(keys(how))) for how in ("seeds", "steps", "split")]
    assert len(np.unique(np.concatenate(data), axis=0)) == 3 * 256


def test_normal_numbers_are_normal():
    z = np.asarray(jax.random.normal(random.key(3), (2**18,)))
    moments = [z.mean(), z.var() - 1, (z**3).mean(), (z**4).mean() - 3]
    errors = np.sqrt(np.array([1, 2, 15, 96]) / z.size)
    assert np.all(np.abs(moments) < SIGMA * errors)


def test_other_widths_are_refused():
    with pytest.raises(NotImplementedError, match="32 bits"):
        jax.random.bits(random.key(0), (3,), jnp.uint8)


def test_random_bases_prefer_no_direction():
    """Of a uniform Q in O(5): Q_ij² ~ Beta(½, 2) for each entry (Kolmogorov & Smirnov), E tr Q = 0, E (tr Q)² = 1."""
    draws = 4000
    q = np.asarray(jax.vmap(lambda key: linalg.orthogonal(key, 5, 5))(jax.random.split(random.key(0), draws)))
    np.testing.assert_allclose(q @ q.transpose(0, 2, 1), np.broadcast_to(np.eye(5), q.shape), atol=1e-5)
    for entry in (q[:, 0, 0], q[:, 4, 0], q[:, 2, 3], q[:, 4, 4]):
        assert stats.kstest(entry**2, stats.beta(0.5, 2).cdf).pvalue > 1e-4
    trace = np.trace(q, axis1=1, axis2=2)
    for values, expected in ((trace, 0), (trace**2, 1)):
        assert abs(values.mean() - expected) < SIGMA * values.std() / draws**0.5


def test_random_bases_of_many_models_call_no_lapack():
    """Batches of its calls on several devices may wait for each other for ever."""
    lowered = jax.jit(jax.vmap(lambda key: linalg.orthogonal(key, 4, 9))).lower(jax.random.split(random.key(0), 3))
    assert "lapack" not in lowered.as_text()
