"""docs/recipes, by the linter or the schema that each kind of file has. Needs the extra `recipes`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from superposition_jax import config

RECIPES = Path(__file__).parents[1] / "docs" / "recipes"


@pytest.mark.slow
def test_slurm_script():
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", RECIPES / "slurm.sh"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_kubernetes_manifest():
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    manifest = yaml.safe_load((RECIPES / "kubernetes.yaml").read_text())
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    assert manifest["spec"]["completionMode"] == "Indexed"
    shards = f"runtime.shard=$(JOB_COMPLETION_INDEX)/{manifest['spec']['completions']}"
    assert shards in manifest["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.slow
def test_skypilot_task():
    sky = pytest.importorskip("sky")
    assert sky.Task.from_yaml(str(RECIPES / "skypilot.yaml")).num_nodes == 4


@pytest.mark.parametrize("name", ["slurm.sh", "kubernetes.yaml", "skypilot.yaml"])
def test_what_the_recipes_run_is_there(name):
    """Their overrides, with the machine's number filled in, are a config."""
    text = (RECIPES / name).read_text()
    shard = re.search(r"runtime\.shard=\S+", text)
    assert shard
    assert config.load([re.search(r"experiment=\w+", text)[0], "runtime.shard=3/16"]).shard == "3/16"
