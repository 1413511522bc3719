"""What users install and open: a wheel with its YAML files that runs from any folder, notebooks that run."""

import sys
import zipfile
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from omegaconf import OmegaConf
from shell import run

from superposition_jax.config.compose import compose, conf_dir

ROOT = Path(__file__).resolve().parents[1]


python = partial(run, program=[sys.executable], status=0)


@pytest.mark.slow
def test_wheel_has_the_configs_and_runs_elsewhere(tmp_path):
    python("-m", "pip", "wheel", "--no-deps", ROOT, "-w", tmp_path, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if name.startswith("superposition_jax/conf/")}
        pages = {name for name in archive.namelist() if name.startswith("superposition_jax/explorer/")}
    here = Path(conf_dir())
    assert carried == {f"superposition_jax/conf/{file.relative_to(here)}" for file in here.rglob("*.yaml")}
    assert "superposition_jax/conf/config.yaml" in carried
    explorer = [file for file in (ROOT / "superposition_jax" / "explorer").rglob("*") if file.suffix in (".html", ".css", ".js")]
    assert {str(file.relative_to(ROOT)) for file in explorer} <= pages

    site = tmp_path / "site"
    python("-m", "pip", "install", "--no-deps", "--target", site, wheel, cwd=tmp_path)
    path = {"PYTHONPATH": str(site)}  # before the checkout, even where that is installed as editable
    where = python("-P", "-c", "import superposition_jax; print(superposition_jax.__file__)", cwd=tmp_path, **path).stdout
    assert Path(where.strip()).is_relative_to(site)
    composed = python("-P", "-m", "superposition_jax.run", "--cfg", "job", "sweep=sparsity", cwd=tmp_path, **path).stdout
    assert OmegaConf.to_container(OmegaConf.create(composed), resolve=True) == compose(["sweep=sparsity"])


NOTEBOOKS = pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)


@NOTEBOOKS
def test_notebooks_hold_no_outputs_and_stand_in_the_readme(path):
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count is not None for cell in code)
    assert f"(notebooks/{path.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@NOTEBOOKS
def test_notebooks_run_and_show_their_figures(path, tmp_path, monkeypatch):
    """From any folder, with no warning, leaving no file behind; every figure is seen."""
    (cwd := tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": cwd}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output["data"] for output in outputs if "data" in output]
    pictures = [data for data in shown if "image/png" in data or "Figure" in data["text/plain"]]
    assert pictures
    assert all("image/png" in data for data in pictures)
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert not list(cwd.iterdir())
