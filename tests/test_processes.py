"""Several processes with one mesh give what one process gives, and one folder."""

import socket

import pytest
from shell import run, start
from xarray.testing import assert_equal

import superposition_jax

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=6", "train.steps=40", "model.n_features=5", "figures=[]", "runtime.chunk=7"]


@pytest.mark.slow
def test_two_processes_with_one_mesh_give_the_bits_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        cluster = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{free.getsockname()[1]}", "JAX_NUM_PROCESSES": "2"}
    several = [*SWEEP, "hydra.run.dir=two", "runtime.devices=2", "runtime.distributed=true"]
    both = [start(*several, cwd=tmp_path, JAX_PROCESS_ID=str(index), **cluster) for index in (0, 1)]
    alone = run(*SWEEP, "hydra.run.dir=one", "runtime.devices=1", cwd=tmp_path)
    try:
        output = [process.communicate(timeout=200) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in (alone, *both)] == [0, 0, 0], output
    assert "open     superposition_jax.load" in output[0][0]
    assert "superposition_jax" not in output[1][0]
    assert_equal(superposition_jax.load(tmp_path / "two"), superposition_jax.load(tmp_path / "one"))


def test_without_a_cluster_it_is_said_what_to_set(tmp_path):
    done = run(*SWEEP, "runtime.distributed=true", cwd=tmp_path, status=2)
    assert done.stderr.count("\n") == 1
    assert "JAX_COORDINATOR_ADDRESS" in done.stderr
    assert not (tmp_path / "outputs").exists()
