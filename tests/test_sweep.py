"""Points, groups and tiles: every model exactly once, at its label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition_jax.engine.tiles import cover, tile_shape, tile_shape_of_chunk
from superposition_jax.sweep import Axis, Grid, Group, merge, shard_places, take
from superposition_jax.types import Spec


def tiles_of(seeds, chunk, devices):
    """The shape of a device's part of a tile, and all tiles that cover models with some seeds."""
    rows, cells = tile_shape(seeds, chunk, devices)
    return (rows, cells), cover(seeds, np.arange(len(seeds)), (rows * devices, cells))


@given(
    seeds=st.lists(st.integers(0, 6), min_size=1, max_size=60), chunk=st.integers(1, 70), devices=st.sampled_from([1, 2, 3, 4])
)
@settings(max_examples=300, deadline=None)
def test_tiles_cover_every_model_once_with_one_seed_a_row(seeds, chunk, devices):
    seeds = np.array(seeds)
    (height, width), tiles = tiles_of(seeds, chunk, devices)
    assert height * width <= chunk
    assert max(tile_shape_of_chunk(seeds, chunk)) <= chunk
    assert sorted(np.concatenate([tile.places[tile.real] for tile in tiles])) == [*range(len(seeds))]
    for tile in tiles:
        assert tile.places.shape == (devices * height, width)
        for row, real in zip(seeds[tile.places], tile.real, strict=True):
            assert len(set(row[real])) <= 1


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_tiles_cover_any_part_of_a_group(data):
    seeds = np.array(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=60)))
    places = np.array(data.draw(st.lists(st.integers(0, len(seeds) - 1), unique=True)), int)
    tiles = cover(seeds, places, tile_shape_of_chunk(seeds, data.draw(st.integers(1, 70))))
    assert sorted(place for tile in tiles for place in tile.places[tile.real]) == sorted(places)


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=4), shards=st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_shards_have_every_model_once_and_cost_about_the_same(counts, shards):
    specs = [Spec(n_features=2, n_hidden=1, steps=10 * (k + 1)) for k in range(len(counts))]
    groups = [Group(spec, None, np.arange(k) % 3, np.arange(k)) for spec, k in zip(specs, counts, strict=True)]
    by_shard = [shard_places(groups, index, shards) for index in range(shards)]
    for number, group in enumerate(groups):
        assert sorted(np.concatenate([places[number] for places in by_shard])) == [*range(len(group.points))]
    costs = [sum(len(places) * group.spec.steps for places, group in zip(shard, groups, strict=True)) for shard in by_shard]
    assert max(costs) - sum(costs) / shards <= 10 * len(counts)


@pytest.mark.parametrize(("models", "chunk", "tiles"), [(10_000, 500, 10), (1000, 500, 1), (1001, 500, 2)])
def test_tiles_are_even_and_hardly_padded(models, chunk, tiles):
    _, found = tiles_of(np.repeat(np.arange(4), models // 4), chunk, 2)
    padded = sum(tile.real.size for tile in found)
    assert len(found) <= tiles * 1.3 + 1
    assert padded <= 1.02 * models


def test_a_full_product_needs_no_padding():
    shape, [tile] = tiles_of(np.tile(np.arange(8), 7), 500, 2)
    assert shape == (4, 7)
    assert tile.real.all()


def test_every_device_has_something_to_do():
    shape, [tile] = tiles_of(np.zeros(1000, int), 1000, 4)
    assert shape == (1, 250)
    assert tile.real.all()


def test_points_run_through_the_last_axis_first_and_zipped_axes_together():
    axes = (Axis("a", "model.n_hidden", (2, 3), "a"), Axis("b", "data.sparsity", (0.1, 0.2, 0.3), "z"))
    axes += (Axis("c", "train.learning_rate", (1.0, 2.0, 3.0), "z"), Axis("d", "seed", (0, 1), "d"))
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
