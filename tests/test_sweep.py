"""Points, groups and rectangles: every model exactly once, at its label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition_jax.sweep import Axis, Grid, Group, merge, take, tiling
from superposition_jax.types import Spec


@given(
    seeds=st.lists(st.integers(0, 6), min_size=1, max_size=60),
    chunk=st.integers(1, 70),
    devices=st.sampled_from([1, 2, 3, 4]),
)
@settings(max_examples=300, deadline=None)
def test_tiles_cover_every_model_once_with_one_seed_a_row(seeds, chunk, devices):
    seeds = np.array(seeds)
    cover = tiling(seeds, chunk, devices)
    assert sorted(np.concatenate([tile.places[tile.real] for tile in cover.tiles])) == [*range(len(seeds))]
    assert len({tile.places.shape for tile in cover.tiles}) == 1
    for tile in cover.tiles:
        for row, real in zip(seeds[tile.places], tile.real, strict=True):
            assert len(set(row[real])) <= 1
        rows, cells = tile.places.shape
        assert (rows if cover.by_seed else cells) % devices == 0
        assert rows * cells <= chunk + (devices - 1) * max(rows, cells)


@pytest.mark.parametrize(("models", "chunk", "tiles"), [(10_000, 1000, 10), (1000, 1000, 1), (1001, 1000, 2)])
def test_rectangles_are_even_and_hardly_padded(models, chunk, tiles):
    cover = tiling(np.repeat(np.arange(4), models // 4), chunk, 2)
    padded = sum(tile.real.size for tile in cover.tiles)
    assert len(cover.tiles) <= tiles * 1.3 + 1
    assert padded <= 1.02 * models


def test_a_full_product_needs_no_padding():
    cover = tiling(np.tile(np.arange(8), 7), 1000, 2)
    assert cover.by_seed
    assert [tile.places.shape for tile in cover.tiles] == [(8, 7)]
    assert cover.tiles[0].real.all()


def test_points_run_through_the_last_axis_first_and_zipped_axes_together():
    axes = (
        Axis("a", "model.n_hidden", (2, 3), "a"),
        Axis("b", "data.sparsity", (0.1, 0.2, 0.3), "z"),
        Axis("c", "train.learning_rate", (1.0, 2.0, 3.0), "z"),
        Axis("d", "seed", (0, 1), "d"),
    )
    grid = Grid(axes)
    assert grid.sizes == {"a": 2, "z": 3, "d": 2}
    codes = np.stack([grid.codes(axis) for axis in axes])
    np.testing.assert_array_equal(codes[1], codes[2])
    np.testing.assert_array_equal(codes[[0, 1, 3]], np.stack(np.unravel_index(np.arange(12), (2, 3, 2))))
    assert grid.unravel(np.arange(24).reshape(12, 2)).shape == (2, 3, 2, 2)


def test_groups_of_equal_spec_are_put_together(numbers):
    spec, other = Spec(3, 1), Spec(3, 2)

    def part(spec, points, rate):
        return Group(spec, numbers(spec, len(points), learning_rate=rate), np.array(points) % 2, np.array(points))

    merged = merge([part(spec, [0, 3], 0.1), part(other, [1], 0.2), part(spec, [2], 0.3)])
    assert [g.spec for g in merged] == [spec, other]
    np.testing.assert_array_equal(merged[0].points, [0, 3, 2])
    np.testing.assert_allclose(merged[0].hparams.learning_rate, [0.1, 0.1, 0.3])
    np.testing.assert_allclose(take(merged[0].hparams, np.array([[2], [0]])).learning_rate, [[0.3], [0.1]])
