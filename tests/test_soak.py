"""Many runs in one process, and the cost of saving."""

import gc
import time

import jax
import psutil
import pytest

import superposition_jax
from superposition_jax.config import run_config
from superposition_jax.config.compose import compose
from superposition_jax.storage import checkpoint as store


@pytest.mark.slow
def test_a_hundred_runs_keep_no_memory_and_no_programs(tmp_path, monkeypatch, tell):
    """Memory and live programs after 100 runs against those after 40, with three Specs in turn, some of which write."""
    process, measured = psutil.Process(), {}
    monkeypatch.setattr(run_config, "compose", compose)  # Hydra's own
    for number in range(1, 101):
        sweep = ["model.n_features=5", f"model.n_hidden={1 + number % 3}", "train.steps=20", "figures=[]"]
        sweep += ["+sweep.axes.seed={path: seed, range: 4}"]
        superposition_jax.run(sweep, directory=tmp_path / str(number) if number % 10 == 0 else None)
        if number in (40, 100):
            gc.collect()
            measured[number] = process.memory_info().rss, len(jax.devices()[0].client.live_executables())
    (memory, programs), (memory_after, programs_after) = measured[40], measured[100]
    sizes = f"{memory / 1e6:.0f} and {memory_after / 1e6:.0f} MB, {programs} and {programs_after} programs"
    tell(f"after 40 and 100 runs: {sizes}")
    assert programs_after <= programs + 10
    assert memory_after < memory + 30e6


@pytest.mark.slow
def test_saving_takes_less_than_two_percent(tmp_path, monkeypatch, tell):
    """Parts as they finish, and the state every two seconds instead of every 30: a share of the time of the same run."""
    spent = []

    def timed(own):
        def call(*arguments):
            began = time.perf_counter()
            try:
                return own(*arguments)
            finally:
                spent.append(time.perf_counter() - began)

        return call

    for name in ("write", "save_state", "__enter__", "remove"):
        monkeypatch.setattr(store.RunStore, name, timed(getattr(store.RunStore, name)))
    began = time.perf_counter()
    sweep = ["sweep=sparsity", "sweep.axes.seed.range=100", "train=paper", "train.steps=1000", "figures=[]"]
    sweep += ["runtime.save_every=2"]
    superposition_jax.run(sweep, directory=tmp_path)
    share = sum(spent) / (time.perf_counter() - began)
    tell(f"saving takes {share:.2%} of {time.perf_counter() - began:.0f} s, in {len(spent)} calls")
    assert share < 0.02
