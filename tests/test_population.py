"""Many models in one program: what stands beside a model must not matter to it."""

import jax
import jax.extend
import numpy as np
import pytest

from superposition_jax.core import random, train
from superposition_jax.engine import population, segments
from superposition_jax.engine import trainer as engine
from superposition_jax.sweep import Group, take
from superposition_jax.types import Spec

SPEC = Spec(n_features=5, n_hidden=2, batch_size=16, steps=40, curve_points=6)
DENSITIES = np.array([1.0, 0.5, 0.2, 0.1, 0.05])


def group(numbers, seeds=(0, 1, 2), densities=DENSITIES, spec=SPEC, **given):
    """Every density with every seed, seeds fastest."""
    p, s = (a.ravel() for a in np.meshgrid(densities, seeds, indexing="ij"))
    hparams = numbers(spec, p.size, density=np.repeat(p[:, None], spec.n_features, 1), **given)
    return Group(spec, hparams, s, np.arange(p.size))


def run(group, devices=1, chunk=None):
    [results] = engine.Trainer([group], devices=devices, chunk=chunk).train(lambda report: None)
    return results


def same(a, b, places=slice(None)):
    """Equal up to the last bits: JAX does not promise equal rounding to programs of different shape."""
    for name in a:
        if name not in ("represented", "dead_outputs"):
            np.testing.assert_allclose(a[name][places], b[name], rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.fixture(scope="module")
def reference(numbers):
    return run(group(numbers))


@pytest.mark.parametrize(("devices", "chunk"), [(4, None), (2, None), (1, 4), (1, 1), (4, 7)])
def test_devices_chunks_and_padding_change_nothing(reference, devices, chunk, numbers):
    same(reference, run(group(numbers), devices, chunk))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 4, 7])
def test_equal_chunks_give_equal_bits_on_any_number_of_devices(chunk, numbers):
    one = run(group(numbers), 1, chunk)
    for devices in (2, 3, 4):
        for name, value in run(group(numbers), devices, chunk).items():
            np.testing.assert_array_equal(value, one[name], err_msg=f"{devices} devices: {name}")


def test_results_follow_their_models_when_those_are_shuffled(reference, numbers):
    whole, order = group(numbers), np.random.default_rng(0).permutation(15)
    same(reference, run(Group(SPEC, take(whole.hparams, order), whole.seeds[order], order)), order)


def test_a_model_does_not_depend_on_its_neighbours(reference, numbers):
    alone = group(numbers, seeds=[2], densities=DENSITIES[[1]])
    same(reference, run(alone), [5])


def test_mapping_equals_a_loop(reference, numbers):
    whole, place = group(numbers), 7
    hparams = jax.tree.map(lambda a: jax.numpy.asarray(a[place]), whole.hparams)
    key = random.key(int(whole.seeds[place]))
    state = train.init_state(key, hparams, spec=SPEC)
    state = jax.jit(train.train_steps, static_argnames="spec")(key, hparams, state, SPEC.steps, spec=SPEC)
    np.testing.assert_allclose(reference["W"][place], state.params["W"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reference["loss_curve"][place], state.history.loss_curve, rtol=1e-4)


def test_a_poisoned_model_leaves_its_neighbours_bit_identical(reference, numbers):
    rates = np.full(15, 0.02)
    rates[4] = 1e30
    poisoned = run(group(numbers, learning_rate=rates))
    others = np.arange(15) != 4
    for name, value in reference.items():
        np.testing.assert_array_equal(value[others], poisoned[name][others], err_msg=name)
    assert poisoned["diverged_at"][4] >= 0
    assert np.isfinite(poisoned["W"][4]).all()


def test_same_seed_same_start_and_different_seeds_differ(numbers):
    spec = Spec(n_features=5, n_hidden=2, batch_size=16, steps=1, snapshots=2)
    w = run(group(numbers, spec=spec))["W_snapshots"][:, 0].reshape(5, 3, 2, 5)
    np.testing.assert_array_equal(w[0], w[4])
    assert np.all(w[:, 0] != w[:, 1])


def traced(spec, numbers, devices=1, cells=3):
    """The three programs, traced for four seeds."""
    jitted = population.jitted(spec, population.make_mesh(devices))
    hparams = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), numbers(spec, 4, cells))
    seeds, stop = jax.ShapeDtypeStruct((4,), np.uint32), jax.ShapeDtypeStruct((), np.int32)
    state = jax.eval_shape(jitted["start"], seeds, hparams)
    return {
        "start": jitted["start"].trace(seeds, hparams),
        "advance": jitted["advance"].trace(seeds, hparams, state, stop),
        "finish": jitted["finish"].trace(
            hparams, state, jax.ShapeDtypeStruct(hparams.learning_rate.shape, bool), jax.ShapeDtypeStruct((), np.uint32)
        ),
    }


def random_outputs(jaxpr):
    """Sizes of all arrays of random bits that a program draws."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "random_bits":
            yield equation.outvars[0].aval.size
        for inner in jax.extend.core.jaxprs_in_params(equation.params):
            yield from random_outputs(inner)


@pytest.mark.parametrize("estimator", ["active", "iid"])
def test_random_numbers_cost_by_the_seed_and_not_by_the_cell(estimator, numbers):
    spec = Spec(n_features=6, n_hidden=2, batch_size=32, steps=4, estimator=estimator)
    few, many = (sum(random_outputs(traced(spec, numbers, cells=cells)["advance"].jaxpr.jaxpr)) for cells in (2, 50))
    assert few == many > 0


def test_devices_never_communicate(numbers):
    for name, program in traced(SPEC, numbers, devices=4, cells=4).items():
        text = program.lower().compile().as_text()
        assert not [op for op in ("all-reduce", "all-gather", "all-to-all", "collective", "reduce-scatter") if op in text], name


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("estimator", ["iid", "active", "quadrature"])
def test_programs_lower_for_accelerators(estimator, platform, numbers):
    spec = Spec(n_features=4, n_hidden=2, batch_size=16, steps=4, estimator=estimator, order=3, snapshots=2)
    for name, program in traced(spec, numbers).items():
        assert "func.func public @main" in program.lower(lowering_platforms=(platform,)).as_text(), name


def test_compiler_options_that_xla_no_longer_has_are_left_out():
    lowered = jax.jit(lambda x: x + 1).lower(1.0)
    program = population._compile(lowered, {"xla_backend_optimization_level": 1, "xla_no_such_option": True})
    assert program(1.0) == 2.0
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_backend_optimization_level"):
        population._compile(lowered, {"xla_backend_optimization_level": "many"})


def test_one_trace_a_spec(numbers, monkeypatch):
    traces = []
    original = train.train_step

    def counted(*args, spec, slices):
        traces.append(spec)
        return original(*args, spec=spec, slices=slices)

    monkeypatch.setattr(train, "train_step", counted)
    other = Spec(n_features=5, n_hidden=3, batch_size=16, steps=40, curve_points=6)
    groups, reports = [group(numbers), group(numbers, spec=other)], []
    engine.Trainer(groups, devices=1, chunk=4).train(reports.append)
    in_tiles = {spec: traces.count(spec) for spec in traces}
    traces.clear()
    engine.Trainer(groups, devices=1, chunk=None).train(lambda report: None)
    assert {spec: traces.count(spec) for spec in traces} == in_tiles
    assert set(in_tiles) == {SPEC, other}
    kinds = [type(report) for report in reports]
    assert kinds.count(segments.Compiled) == 2
    assert kinds.count(segments.Finished) > 4
    assert sum(report.models for report in reports if isinstance(report, segments.Finished)) == 30
    assert {report.chunk for report in reports if isinstance(report, segments.Compiled)} == {3}


@pytest.mark.parametrize("at_a_time", [None, 1, 2, 5])
def test_over_models_is_a_loop(at_a_time):
    w, b = np.random.default_rng(0).normal(size=(5, 3, 4)), np.arange(5.0)
    found = population.over_models(
        lambda w, other: {"gram": w.T @ w + other["b"], "most": w.max()}, w, {"b": b}, at_a_time=at_a_time
    )
    for k in range(5):
        np.testing.assert_allclose(found["gram"][k], w[k].T @ w[k] + b[k], rtol=1e-5)
        np.testing.assert_allclose(found["most"][k], w[k].max(), rtol=1e-6)
