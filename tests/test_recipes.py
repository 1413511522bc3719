"""docs/recipes, by the linter or the schema that each kind of file has. Needs the extra `recipes`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from superposition_jax.config import run_config

RECIPES = Path(__file__).parents[1] / "docs" / "recipes"
NUMBERS = {"SLURM_ARRAY_TASK_ID": 3, "JOB_COMPLETION_INDEX": 3, "SKYPILOT_NODE_RANK": 3, "SKYPILOT_NUM_NODES": 4}
"""What a cluster puts in the place of its variables."""


@pytest.mark.recipes
def test_slurm_script():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, RECIPES / "slurm.sh"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout


@pytest.mark.recipes
def test_kubernetes_manifest():
    import kubernetes_validate

    manifest = yaml.safe_load((RECIPES / "kubernetes.yaml").read_text())
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
    assert manifest["spec"]["completionMode"] == "Indexed"
    shards = f"runtime.shard=$(JOB_COMPLETION_INDEX)/{manifest['spec']['completions']}"
    assert shards in manifest["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.recipes
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what SkyPilot imports
def test_skypilot_task():
    import sky

    assert sky.Task.from_yaml(str(RECIPES / "skypilot.yaml")).num_nodes == 4


@pytest.mark.parametrize(("name", "shard"), [("slurm.sh", "3/16"), ("kubernetes.yaml", "3/16"), ("skypilot.yaml", "3/4")])
def test_what_the_recipes_run_is_a_config(name, shard):
    """Their own overrides, with the cluster's numbers filled in."""
    text = (RECIPES / name).read_text()
    given = re.search(r"runtime\.shard=\"?([^\s\"]+)", text)[1]
    filled = re.sub(r"\$\(?(\w+)\)?", lambda variable: str(NUMBERS[variable[1]]), given)
    assert filled == shard
    assert run_config.load([re.search(r"experiment=\w+", text)[0], f"runtime.shard={filled}"]).shard == shard
