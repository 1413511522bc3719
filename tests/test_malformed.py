"""Hundreds of bad configs, made from the schema: each is refused in one line that names the key, and nothing is written."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import run_here

import superposition_jax
from superposition_jax.config.rules import Choice, Integer, Number
from superposition_jax.config.schema import LEAVES, RUNTIME
from superposition_jax.errors import ConfigError

RULES = {key: rule for key, rule in (LEAVES | RUNTIME).items() if isinstance(rule, (Choice, Integer, Number))}
pytestmark = pytest.mark.slow

NEVER = ["nan", ".nan", "inf", "-inf", "1e400", "{a: 1}", "[[1]]", "'../../x'", "/etc/passwd", "∞", "'𝟙'", "日本"]
NEVER += ["$(id)", "'a b'", "''"]
"""Values that no leaf of a number, a whole number or a name allows."""


@st.composite
def bad(draw):
    """A key and a value that is not allowed for it."""
    key = draw(st.sampled_from(sorted(RULES)))
    rule, wrong = RULES[key], st.sampled_from(NEVER)
    if isinstance(rule, Number) and np.isfinite(rule.low):
        wrong = wrong | st.floats(max_value=rule.low - 1e-3, min_value=-1e30).map(repr)
    if isinstance(rule, Number) and np.isfinite(rule.high):
        wrong = wrong | st.floats(min_value=rule.high * 1.001 + 1e-3, max_value=3e38).map(repr)
    if isinstance(rule, Integer):
        wrong = wrong | st.integers(max_value=rule.low - 1).map(str) | st.floats(0.1, 0.9).map(lambda x: repr(rule.low + x))
        wrong = wrong | st.just(str(10**30))
    return key, draw(wrong)


@given(bad())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_hundred_bad_values_are_refused_in_one_line(tmp_path, given):
    key, value = given
    with pytest.raises(ConfigError) as refused:
        superposition_jax.run(["train.steps=2", f"{key}={value}"], directory=tmp_path)
    told = str(refused.value)
    assert key in told
    assert "\n" not in told
    assert not [*tmp_path.iterdir()]


@given(st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1, max_size=20))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_unknown_keys_are_refused_in_one_line(tmp_path, key):
    key = f"x{key}"
    with pytest.raises(ConfigError) as refused:
        superposition_jax.run([f"{key}=1"], directory=tmp_path)
    assert "\n" not in str(refused.value)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "given",
    [
        *("train.steps=nan", "model.n_features=10000000000", "model.n_features=1000000", "model.n_hidden=[1]", "data.sparsity=2"),
        *(
            "name='../../x'",
            "seed=∞",
            "runtime.shard=2/1",
            "nosuch=1",
            "sweep.axes.x.y=1",
            "train.learning_rate='${oc.env:HOME}'",
        ),
        *("figures=[../../x]", "imports=[no_such_module]", "resume=nowhere", "merge=nowhere", "runtime.devices=9999", "nosuch"),
    ],
)
def test_the_command_refuses_with_2_and_writes_nothing(tmp_path, given):
    done = run_here(given, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert given.partition("=")[0].partition(".axes")[0] in done.stderr
    assert not [*tmp_path.iterdir()]
