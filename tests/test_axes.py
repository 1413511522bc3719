"""Axes of a sweep: their values, the grid that they make, and the groups of equal Spec that cover it."""

import numpy as np
import pytest
from composed import chosen, load
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition_jax.config import recipe
from superposition_jax.config.run_config import read


def sweep(**axes):
    """The default config with other axes."""
    base, _ = chosen()
    return read(base | {"sweep": base["sweep"] | {"axes": axes}})


@pytest.mark.parametrize(
    ("form", "values"),
    [
        *(("values: [0.1, 0.997, 0]", (0.1, 0.997, 0)), ("linspace: [0, 1], num: 5", (0.0, 0.25, 0.5, 0.75, 1.0))),
        *(("range: 3", (0, 1, 2)), ("range: [2, 5]", (2, 3, 4)), ("range: [7, 2, -2]", (7, 5, 3))),
        ("logspace: [-3, -1], num: 3", (1e-3, 1e-2, 1e-1)),
        ("geomspace: [1, 8], num: 4", (1.0, 2.0, 4.0, 8.0)),
    ],
)
def test_forms_of_axis_values(form, values):
    config = load([f"+sweep.axes.x={{path: train.learning_rate, {form}}}"])
    (axis,), (group,) = config.grid.axes, config.groups
    assert axis.values == pytest.approx(values, rel=1e-15, abs=0)
    assert group.hparams.learning_rate.tolist() == np.float32(axis.values).tolist()


def test_without_axes_there_is_one_model():
    config = sweep()
    assert (config.grid.n_points, len(config.groups)) == (1, 1)
    assert config.grid.unravel(np.zeros((1, 3))).shape == (3,)
    assert config.grid.unravel(np.zeros(1)).shape == ()


def test_axes_multiply_and_the_last_is_fastest():
    config = sweep(seed={"path": "seed", "range": 2}, rate={"path": "train.learning_rate", "values": [1, 2, 3]})
    (group,) = config.groups
    assert config.grid.sizes == {"seed": 2, "rate": 3}
    assert group.seeds.tolist() == [0, 0, 0, 1, 1, 1]
    assert group.hparams.learning_rate.tolist() == [1, 2, 3, 1, 2, 3]
    assert config.grid.unravel(group.seeds).tolist() == [[0, 0, 0], [1, 1, 1]]


def test_zipped_axes_advance_together():
    config = sweep(
        rate={"path": "train.learning_rate", "values": [1, 2, 3], "zip": "pair"},
        seed={"path": "seed", "range": 2},
        eps={"path": "train.eps", "values": [4, 5, 6], "zip": "pair"},
    )
    (group,) = config.groups
    assert config.grid.sizes == {"pair": 3, "seed": 2}
    assert group.hparams.learning_rate.tolist() == [1, 1, 2, 2, 3, 3]
    assert group.hparams.eps.tolist() == [4, 4, 5, 5, 6, 6]


@pytest.mark.parametrize(
    ("path", "field", "values"),
    [
        *(("model.n_features", "n_features", [3, 7, 5]), ("model.n_hidden", "n_hidden", [5, 2, 3])),
        *(("model.activation", "activation", ["relu", "gelu"]), ("model.init.kind", "init", ["xavier", "polygon"])),
        *(("data.values.law", "law", ["signed", "binary"]), ("train.schedule.kind", "schedule", ["linear", "cosine"])),
        *(("train.estimator", "estimator", ["iid", "active"]), ("train.batch_size", "batch_size", [64, 32])),
        ("model.bias", "bias", [True, False]),
    ],
)
def test_static_axis_has_one_group_per_value(path, field, values):
    config = sweep(static={"path": path, "values": values}, sparsity={"path": "data.sparsity", "values": [0.1, 0.2]})
    assert [getattr(group.spec, field) for group in config.groups] == values
    assert [group.points.tolist() for group in config.groups] == [[2 * i, 2 * i + 1] for i in range(len(values))]


def test_points_of_equal_spec_share_a_group():
    config = sweep(kind={"path": "data.importance.kind", "values": ["uniform", "power"]}, seed={"path": "seed", "range": 2})
    (group,) = config.groups  # importances are numbers, whatever their kind
    assert dict(zip(group.points.tolist(), group.seeds.tolist(), strict=True)) == {0: 0, 1: 1, 2: 0, 3: 1}


PATHS = {
    "seed": st.integers(0, 2**32 - 1),
    "data.sparsity": st.floats(0, 0.9999),
    "data.importance.decay": st.floats(0.1, 2),
    "train.learning_rate": st.floats(0, 1),
    "model.n_features": st.integers(2, 4),
    "model.n_hidden": st.integers(1, 4),
    "model.activation": st.sampled_from(["relu", "gelu", "softplus"]),
    "train.schedule.warmup": st.floats(0, 1),
}
STATIC = {"model.n_features", "model.n_hidden", "model.activation"}


@st.composite
def grids(draw):
    """Paths in random order, each with values, and the dimension that each is on: its own, or that of the first by zip."""
    paths = draw(st.permutations(sorted(PATHS)))[: draw(st.integers(2, 3))]
    sizes = {path: draw(st.integers(1, 3)) for path in paths}
    zipped = {paths[-1]: paths[0]} if draw(st.booleans()) else {}
    sizes |= {path: sizes[first] for path, first in zipped.items()}
    axes = {path: draw(st.lists(PATHS[path], min_size=size, max_size=size, unique=True)) for path, size in sizes.items()}
    return axes, zipped


@given(grids())
@settings(max_examples=30, deadline=None)
def test_groups_partition_the_grid_and_agree_with_its_labels(grid):
    axes, zipped = grid
    names = {path: path.replace(".", "_") for path in axes}
    dims = {path: names[zipped.get(path, path)] for path in axes}
    config = sweep(**{names[path]: {"path": path, "values": values, "zip": dims[path]} for path, values in axes.items()})

    sizes = {dims[path]: len(values) for path, values in axes.items()}
    n_points = int(np.prod(list(sizes.values())))
    place = dict(zip(sizes, np.unravel_index(np.arange(n_points), tuple(sizes.values())), strict=True))
    for axis in config.grid.axes:
        assert config.grid.codes(axis).tolist() == place[axis.dim].tolist()

    assert config.grid.n_points == n_points
    assert sorted(np.concatenate([group.points for group in config.groups])) == list(range(n_points))
    labels = [{path: axes[path][place[dims[path]][point]] for path in axes} for point in range(n_points)]
    assert len(config.groups) == len({tuple(label[p] for p in axes if p in STATIC) for label in labels})

    for group in config.groups:
        for row, point in enumerate(group.points):
            label = labels[point]
            n = label.get("model.n_features", 20)
            assert group.spec.n_features == n
            assert group.spec.n_hidden == label.get("model.n_hidden", 5)
            assert group.spec.activation == label.get("model.activation", "relu")
            assert group.seeds[row] == label.get("seed", 0)
            assert group.hparams.learning_rate[row] == np.float32(
                label.get("train.learning_rate", recipe.learning_rate(group.spec))
            )
            assert group.hparams.density[row].tolist() == [np.float32(1 - label.get("data.sparsity", 0.0))] * n
            assert group.hparams.warmup[row] == np.float32(label.get("train.schedule.warmup", 0.3))
            decay = label.get("data.importance.decay", 0.7)
            np.testing.assert_allclose(group.hparams.importance[row], [decay**i for i in range(n)], rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "given", "field", "rows"),
    [
        ("data.importance.list.1", "[4, 3, 2]", "importance", [[4, 0.25, 2], [4, 0.5, 2]]),
        ("data.sparsity.0", "[0.75, 0.5, 0]", "density", [[0.75, 0.5, 1], [0.5, 0.5, 1]]),
        ("data.density.2", "[0.75, 0.5, 1]", "density", [[0.75, 0.5, 0.25], [0.75, 0.5, 0.5]]),
    ],
)
def test_axis_over_one_entry_changes_just_that_entry(path, given, field, rows):
    chosen = ["model.n_features=3", "data.importance.list=[1, 1, 1]"]
    axis = f"+sweep.axes.entry={{path: {path}, values: [0.25, 0.5]}}"
    (group,) = load([*chosen, f"{path.rpartition('.')[0]}={given}", axis]).groups
    assert getattr(group.hparams, field).tolist() == rows
