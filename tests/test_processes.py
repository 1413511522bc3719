"""Several processes with one mesh give what one process gives, and one folder."""

import os
import socket
import subprocess
import sys

from bits import same

import superposition_jax

SWEEP = ["sweep=sparsity", "sweep.axes.seed.range=6", "train.steps=40", "model.n_features=5", "figures=[]", "runtime.chunk=7"]


def start(cwd, *arguments, **environment):
    command = [sys.executable, "-m", "superposition_jax.run", *SWEEP, *arguments]
    env = {**os.environ, "XDG_CACHE_HOME": str(cwd), **environment}
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def test_two_processes_with_one_mesh_give_the_bits_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    alone = start(tmp_path, "hydra.run.dir=one", "runtime.devices=1")
    several = ["hydra.run.dir=two", "runtime.devices=2", "runtime.distributed=true"]
    both = [
        start(tmp_path, *several, JAX_COORDINATOR_ADDRESS=address, JAX_NUM_PROCESSES="2", JAX_PROCESS_ID=str(index))
        for index in (0, 1)
    ]
    try:
        told = [process.communicate(timeout=200) for process in (alone, *both)]
    finally:
        for process in (alone, *both):
            process.kill()
    assert [process.returncode for process in (alone, *both)] == [0, 0, 0], told
    assert "open     superposition_jax.load" in told[1][0]
    assert "superposition_jax" not in told[2][0]
    one, two = superposition_jax.load(tmp_path / "one"), superposition_jax.load(tmp_path / "two")
    same(one, two)


def test_without_a_cluster_it_is_said_what_to_set(tmp_path):
    process = start(tmp_path, "runtime.distributed=true")
    _, told = process.communicate(timeout=100)
    assert process.returncode == 2
    assert told.count("\n") == 1
    assert "JAX_COORDINATOR_ADDRESS" in told
    assert not (tmp_path / "outputs").exists()
