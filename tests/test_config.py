"""Configs: what composes, and what it means in numbers."""

from pathlib import Path

import numpy as np
import pytest
from composed import BASE, load
from hypothesis import given, settings
from hypothesis import strategies as st

from superposition_jax.config.compose import conf_dir
from superposition_jax.config.run_config import RunConfig, read
from superposition_jax.config.schema import LEAVES, RUNTIME
from superposition_jax.types import Hparams, Spec

FILES = [file for file in sorted(Path(conf_dir()).glob("*/*.yaml")) if file.parent.name not in ("preset", "sizes")]
OPTIONS = [f"{file.parent.name}={file.stem}" for file in FILES]


def sweep(**axes):
    """The default config with other axes."""
    return read(BASE | {"sweep": BASE["sweep"] | {"axes": axes}})


# ------------------------------------------------------------------------------------------------- what composes


@pytest.mark.parametrize("file", sorted(Path(conf_dir(), "sizes").glob("*.yaml")), ids=lambda file: file.stem)
def test_full_sizes_are_those_of_an_experiment(file):
    name, _, preset = file.stem.rpartition("_")
    small, full = (load([f"experiment={name}", f"preset={size}"]) for size in ("default", preset))
    assert full.groups[0].spec.n_features > small.groups[0].spec.n_features


def test_options_of_every_group_are_found():
    groups = {"model", "data", "target", "train", "sweep", "runtime", "experiment"}
    assert {option.partition("=")[0] for option in OPTIONS} == groups


@pytest.mark.parametrize("option", OPTIONS)
def test_option_reads_into_groups_that_cover_the_grid(option):
    small = ["model.n_features=5"] if option == "train=exact" else []  # quadrature
    config = load([option, *small])
    points = np.concatenate([group.points for group in config.groups])
    assert sorted(points) == list(range(config.grid.n_points))


def test_paper_is_the_published_recipe():
    (group,) = load(["train=paper"]).groups
    words = {"estimator": "iid", "optimizer": "adamw", "schedule": "constant", "reduction": "mean", "init": "xavier"}
    words |= {"law": "uniform", "activation": "relu", "bias": True, "batch_size": 1024, "steps": 10_000}
    assert vars(group.spec).items() >= words.items()
    numbers = {"learning_rate": 1e-3, "weight_decay": 1e-2, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "warmup": 0.0}
    for name, number in (numbers | {"init_scale": 1.0, "init_bias": 0.0}).items():
        assert getattr(group.hparams, name).tolist() == [np.float32(number)], name


@pytest.mark.parametrize(("n", "batch"), [(1, 32), (5, 32), (6, 64), (20, 128), (21, 128), (22, 256), (1000, 256)])
def test_batch_size_by_number_of_features(n, batch):
    assert load([f"model.n_features={n}"]).groups[0].spec.batch_size == batch


@pytest.mark.parametrize(("n", "steps"), [(1, 1000), (20, 1000), (80, 1500), (400, 2500)])
def test_steps_by_number_of_features(n, steps):
    assert load([f"model.n_features={n}"]).groups[0].spec.steps == steps
    assert load([f"model.n_features={n}", "train.steps=7"]).groups[0].spec.steps == 7


def test_every_field_is_filled_by_one_leaf():
    filled = [leaf.field for leaf in LEAVES.values() if leaf.field]
    together = {"density", "importance"}  # of several leaves
    assert sorted([*filled, *together]) == sorted([*Spec.__dataclass_fields__, *Hparams.__dataclass_fields__])
    assert {leaf.field for leaf in RUNTIME.values()} <= {*RunConfig._fields}


@pytest.mark.parametrize("on", ["train.adversarial=true", "measures=[attack_radius]"])
def test_a_leaf_may_matter_with_any_of_several_others(on):
    assert load([on, "+sweep.axes.size={path: attack.size, values: [0.1, 1]}"]).grid.n_points == 2


# ---------------------------------------------------------------------------------------------------------- axes


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
            assert group.hparams.learning_rate[row] == np.float32(label.get("train.learning_rate", 0.02))
            assert group.hparams.density[row].tolist() == [np.float32(1 - label.get("data.sparsity", 0.0))] * n
            assert group.hparams.warmup[row] == np.float32(label.get("train.schedule.warmup", 0.0))
            decay = label.get("data.importance.decay", 0.7)
            np.testing.assert_allclose(group.hparams.importance[row], [decay**i for i in range(n)], rtol=1e-6)


# ------------------------------------------------------------------------------------------------------- numbers


def test_density_keeps_the_digits_of_sparsity():
    density = load(["data.sparsity=0.999"]).groups[0].hparams.density
    assert density.dtype == np.float32
    assert (density == np.float32(1 - 0.999)).all()
    assert (density != np.float32(1) - np.float32(0.999)).all()


@pytest.mark.parametrize(
    ("given", "field", "values"),
    [
        *(("data.sparsity=null", "density", [1] * 4), ("data.sparsity=0.5", "density", [0.5] * 4)),
        *(("data.density=0.25", "density", [0.25] * 4), ("data.density=[1, 0.5, 0.25, 1]", "density", [1, 0.5, 0.25, 1])),
        ("data.sparsity=[0, 0.5, 0.75, 0.5]", "density", [1, 0.5, 0.25, 0.5]),
        ("data.importance.kind=uniform", "importance", [1, 1, 1, 1]),
        ("data.importance.kind=geometric", "importance", [1, 0.5, 0.25, 0.125]),
        ("data.importance.kind=power", "importance", [1, 2**-0.5, 3**-0.5, 0.5]),
        ("data.importance.kind=linear", "importance", [1, 0.875, 0.75, 0.625]),
        ("data.importance.list=[4, 3, 0, 1]", "importance", [4, 3, 0, 1]),  # instead of the kind
    ],
)
def test_numbers_of_every_feature(given, field, values):
    decay = [] if field == "density" or "list" in given else ["data.importance.decay=0.5"]
    (group,) = load(["model.n_features=4", *decay, given]).groups
    np.testing.assert_allclose(getattr(group.hparams, field), [values], rtol=1e-6 if "kind" in given else 0)


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
