"""JAX as strict as it can be, with four CPU devices, before any test starts it."""

import gc
import os
import shutil
import tempfile
from functools import partial
from unittest import mock

import jax
import numpy as np
import pytest
import shapes  # noqa: F401

from superposition_jax.engine import tuning
from superposition_jax.types import Hparams, Spec

pytest_plugins = ["browser"]

QUICK_TO_COMPILE = [
    "--xla_cpu_parallel_codegen_split_count=1",
    *(["--xla_cpu_use_fusion_emitters=false"] if jax.__version_info__ < (0, 11) else []),  # XLA dies of flags that it lacks
]
UNOPTIMISED = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def unoptimised(options):
    """`tuning.quick_to_compile` for programs that are compiled for longer than they run."""
    return lambda *given, **named: options(*given, **named) | UNOPTIMISED


def pytest_configure(config):
    """Start JAX, with one folder of compiled programs for all workers and the processes that tests start.

    Without slow tests nearly all time goes into compiling programs that run once: nothing is optimised then.
    """
    brief = "not slow" in config.option.markexpr
    if not hasattr(config, "workerinput"):
        os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
        config.add_cleanup(lambda: shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True))
        flags = UNOPTIMISED if brief else {"xla_backend_optimization_level": 1}
        flags = [f"--{name}={value}".lower() for name, value in flags.items()]
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *QUICK_TO_COMPILE, *flags])
    if brief:
        tuning.quick_to_compile = unoptimised(tuning.quick_to_compile)
    gc.set_threshold(100_000, 20, 50)  # tracing makes many objects that stay
    jax.config.update("jax_num_cpu_devices", 4)
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_debug_key_reuse", True)
    jax.devices()


DEFAULTS = {"value_exponent": 0.5, "init_scale": 1.0, "init_bias": 1.0, "penalty_weight": 0.0, "attack_size": 0.1}
DEFAULTS |= {"learning_rate": 0.02, "weight_decay": 0.01, "momentum": 0.9, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
DEFAULTS |= {"warmup": 0.0, "final_rate": 0.0}


def make_numbers(spec: Spec, *points: int, **given) -> Hparams:
    """Numbers of one model, or on the host those of many where `points` is given: defaults, with any of them replaced."""
    arrays, of_features = {}, {"density": np.full(spec.n_features, 0.3), "importance": 0.7 ** np.arange(spec.n_features)}
    for name, value in (of_features | DEFAULTS | given).items():
        shape = (*points, spec.n_features) if name in of_features else points
        array = np.broadcast_to(np.asarray(value, np.float32), shape)
        arrays[name] = array if points else jax.numpy.asarray(array)
    return Hparams(**arrays)


@pytest.fixture(scope="session", autouse=True)
def quick_configs():
    """Configs that Hydra composes once for each choice of options; the command has its own."""
    from composed import quick

    from superposition_jax.config import run_config  # not before jaxtyping has set its hook

    with mock.patch.object(run_config, "compose", quick):
        yield


@pytest.fixture(scope="session")
def numbers():
    """`make_numbers`."""
    return make_numbers


@pytest.fixture(scope="session")
def sample():
    """The inputs that `data.sampler` draws, as one program."""
    from superposition_jax.core import data

    return jax.jit(lambda hparams, key, *, spec: data.sampler(hparams, spec=spec)(key), static_argnames="spec")


@pytest.fixture
def short_descents():
    """Few steps of programs that are not optimised, where it is asked what a table holds and not how good it is."""
    from superposition_jax.experiments.autoencoder import numeric, table
    from superposition_jax.experiments.packing import table as packing
    from superposition_jax.experiments.recovery import numeric as decoders
    from superposition_jax.experiments.recovery import table as recovery

    kinds = {name: table.KINDS[name] for name in ("ℓ₁ 0.1", "top 1")}
    with (
        mock.patch.object(tuning, "quick_to_compile", unoptimised(tuning.quick_to_compile)),
        mock.patch.multiple(table, KINDS=kinds, SIZES=(1.0, 2.0)),
        mock.patch.object(numeric, "learn", partial(numeric.learn, steps=20)),
        mock.patch.multiple(packing, _STEPS=20, MOST=16, _RESTARTS=(2, 2)),
        mock.patch.object(recovery, "_STEPS", 20),
        mock.patch.multiple(decoders, _STEPS=20, _ITERATIONS=20),
    ):
        yield


@pytest.fixture
def tell(record_property):
    """Say at the end of the tests what one of them measured."""
    return lambda text: record_property("measured", text)


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "measured" and report.when == "call":
                terminalreporter.write_line(f"measured: {text}")
