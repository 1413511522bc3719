"""Hundreds of bad configs, made from the schema: each is refused in one line that names the key, and nothing is written."""

import os
from random import Random
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import run_here

import superposition_jax
from superposition_jax.command import pipeline
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


OPTIONS = ["--resolve", "--nosuch", "--config-dir=/nonexistent", "--config-name=nope", "--experimental-rerun=x", "--list"]
OPTIONS += ["--package=x", "-cp=/nonexistent", "-sc", "--info=nope", "--cfg=nope"]
COMMANDS = ["resume=", "merge=nowhere", "info=nowhere", "explore=.", "resume=a runtime.nope=1", "info=/proc/self/mem"]
HYDRA = ["hydra.run.dir=${nope}", "hydra.sweep.dir=${nope}", "hydra.mode=FOO", "hydra/launcher=nope", "hydra/sweeper=nope"]
TEXTS = ["range(0)", "1,", "[", "{a", "'", "${", "a=b", "glob(nope*)", "choice()", "interval(0,1)", "\n", "=", "[/x]", ":x:"]
AXES = ["3", "{}", "{path: [seed], range: 2}", "{path: {a: 1}, range: 2}", "{path: seed, range: [0, 1e9]}"]
AXES += ["{path: 3, values: [1]}", "{path: runtime.chunk, values: [1]}", "{path: seed, values: {a: 1}}", "[1]"]
AXES += ["{path: seed, range: 2, zip: {a: 1}}", "{path: seed, 1: 2}"]
IDLE = ["train.momentum=0.5", "train.penalty.weight=1", "sizes=nope"]
SECTIONS = ["tables", "figures", "measures", "imports", "name", "sweep", "data", "model"]
HARMLESS = ["-m", "train.steps=2", "sweep=sparsity", "model.n_features=4", "experiment=all"]
SHOWING = {"--list", "-sc", "-h", "--help"}


def malformed(random):
    """A command line that has at least one thing that cannot be run."""
    keys = sorted(LEAVES | RUNTIME)
    bad_things = [
        lambda: random.choice(OPTIONS),
        lambda: random.choice(COMMANDS),
        lambda: random.choice(HYDRA),
        lambda: random.choice(IDLE),
        lambda: f"{random.choice(sorted(RULES))}={random.choice(NEVER)}",
        lambda: f"{random.choice(keys)}={random.choice(TEXTS)}",
        lambda: f"{random.choice(['', '+', '++', '~'])}x{random.choice(keys)}={random.choice(TEXTS)}",
        lambda: f"+sweep.axes.{random.choice(['x', 'W', 'x-y', ''])}={random.choice(AXES)}",
        lambda: f"{random.choice(SECTIONS)}={random.choice(NEVER)}",
        lambda: "".join(random.choices("abc=.,:[]{}()$'\\~+- 0", k=random.randrange(1, 12))),
    ]
    words = [random.choice(bad_things)() for _ in range(random.choice([1, 1, 2, 3]))]
    words += random.sample(HARMLESS, random.choice([0, 0, 1, 2]))
    return random.sample(words, len(words))


def test_malformed_command_lines_leave_no_file_and_no_traceback(tmp_path, tell):
    """$MALFORMED of them."""
    random, refused, lines = Random(0), 0, int(os.environ.get("MALFORMED", "150"))
    with mock.patch.object(pipeline, "train", side_effect=AssertionError("trains")):
        for _ in range(lines):
            words = malformed(random)
            done = run_here(*words, cwd=tmp_path)
            assert not [*tmp_path.iterdir()], words
            assert "Traceback" not in done.stderr, words
            assert done.returncode == 2 or SHOWING & {*words}, (words, done)
            assert done.stderr.count("\n") == 1 or not done.returncode, (words, done.stderr)
            refused += done.returncode == 2
    tell(f"{refused} of {lines} malformed command lines refused, no file, no traceback")
