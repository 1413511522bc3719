"""Configs: what composes, and what it means in numbers; test_axes.py has those of sweeps."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from composed import load, quick

from superposition_jax.config import recipe
from superposition_jax.config.compose import compose, conf_dir
from superposition_jax.config.run_config import RunConfig
from superposition_jax.config.schema import LEAVES, RUNTIME
from superposition_jax.types import Hparams, Spec

FILES = [file for file in sorted(Path(conf_dir()).glob("*/*.yaml")) if file.parent.name not in ("preset", "sizes", "starts")]
OPTIONS = [f"{file.parent.name}={file.stem}" for file in FILES]


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=intro", "sweep.axes.seed.range=3", "data.sparsity=null", "sweep.repair=true"],
        *(["name='${sweep.name}'", "sweep.name=other", "~figures"], ["model={n_hidden: 3}", "data.sparsity=[0.1, 1e-3]"]),
        *(["train=paper", "+sweep.axes.x={path: train.eps, values: [1, 2.5]}", "+sweep.axes.x.zip=y"], ["name='3'"], []),
    ],
)
def test_configs_of_tests_are_those_that_hydra_composes(overrides):
    assert quick(overrides) == compose(overrides)


def test_six_threads_compose_at_once():
    """Hydra's state is global; a refusal of one thread is no other's."""
    with ThreadPoolExecutor(6) as pool:
        composed = [pool.submit(compose, [f"seed={k}"] if k else ["no_such_key=0"]) for k in range(6)]
    assert [future.result()["seed"] for future in composed[1:]] == [1, 2, 3, 4, 5]
    assert "no such key" in str(composed[0].exception())


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


@pytest.mark.parametrize(
    ("given", "batch", "steps", "rate"),
    [
        (["model.n_features=1"], 16, 500, 0.05),
        (["model.n_features=17"], 32, 500, 0.05),
        (["model.n_features=80"], 64, 1200, 0.05 * 0.25**0.35),
        (["model.n_features=400"], 128, 2500, 0.05 * 0.05**0.35),
        (["model.n_features=80", "train.expectation=moments"], 64, 1200, 0.05 * 0.25**0.35),
        (["model=privileged", "model.n_features=5"], 32, 1000, 0.02),
        (["model=privileged", "model.n_features=20"], 128, 1000, 0.02),
        (["model=privileged", "model.n_features=400"], 256, 2500, 0.02),
        (["train.expectation=sampled", "model.n_features=80"], 256, 1500, 0.02),
        (["train.steps=7", "train.batch_size=3", "train.learning_rate=0.1"], 3, 7, 0.1),
    ],
)
def test_the_recipe_by_the_shape_of_a_model(given, batch, steps, rate):
    [group] = load(given).groups
    assert (group.spec.batch_size, group.spec.steps) == (batch, steps)
    np.testing.assert_allclose(group.hparams.learning_rate, rate, rtol=1e-6)


@pytest.mark.parametrize(("given", "name"), [("20", "own_feature"), ("128", "moments"), ("20 model=linear", "own_feature")])
def test_the_expectation_by_the_shape_of_a_model(given, name):
    assert load(f"model.n_features={given}".split()).groups[0].spec.expectation == name


def test_every_field_is_filled_by_one_leaf():
    filled = [leaf.field for leaf in LEAVES.values() if leaf.field]
    together = {"density", "importance"}  # of several leaves
    assert sorted([*filled, *together]) == sorted([*Spec.__dataclass_fields__, *Hparams.__dataclass_fields__])
    assert {leaf.field for leaf in RUNTIME.values()} <= {*RunConfig._fields}


@pytest.mark.parametrize("on", ["train.adversarial=true", "measures=[attack_radius]"])
def test_a_leaf_may_matter_with_any_of_several_others(on):
    assert load([on, "+sweep.axes.size={path: attack.size, values: [0.1, 1]}"]).grid.n_points == 2


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
    decay = [] if field == "density" or "list" in given or "uniform" in given else ["data.importance.decay=0.5"]
    (group,) = load(["model.n_features=4", *decay, given]).groups
    np.testing.assert_allclose(getattr(group.hparams, field), [values], rtol=1e-6 if "kind" in given else 0)


def test_what_is_left_to_the_shape_is_said():
    sizes, seeds = "+sweep.axes.n={path: model.n_features, values: [5, 80]}", "+sweep.axes.seed={path: seed, range: 2}"
    rates = "+sweep.axes.rate={path: train.learning_rate, values: [0.1, 0.003]}"
    config = load([sizes, seeds])
    used = recipe.used(config.grid, config.groups)
    by_n = {group.spec.n_features: (group.spec, group.hparams) for group in config.groups}
    assert used["train.steps"] == {"dims": ["n"], "values": [by_n[n][0].steps for n in (5, 80)]}
    assert used["train.expectation"] == "own_feature"
    np.testing.assert_allclose(used["train.learning_rate"]["values"], [by_n[n][1].learning_rate[0] for n in (5, 80)])
    config = load([seeds, rates, "train.steps=7", "train=exact", "model.n_features=3"])
    used = recipe.used(config.grid, config.groups)
    assert used["train.learning_rate"] == {"dims": ["rate"], "values": [0.1, 0.003]}
    assert (used["train.batch_size"], used["train.steps"]) == (None, 7)
