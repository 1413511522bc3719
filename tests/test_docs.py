"""The reference has every module, and the citation this version. That the reference builds without warnings is for .ci/run."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
HIDDEN = "superposition_jax.run"
"""The command's module: the reference has the function of that name."""


def test_every_module_is_in_the_reference_once():
    pages = (page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    listed = Counter(name for page in pages for name in re.findall(r"^\.\. automodule:: (\S+)$", page, re.MULTILINE))
    files = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "superposition_jax").rglob("*.py"))
    modules = {".".join(path.parts).removesuffix(".__init__") for path in files}
    assert listed == Counter(modules - {HIDDEN})


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {key: citation[key] for key in ("version", "license", "keywords")} == {
        key: project[key] for key in ("version", "license", "keywords")
    }
    (paper,) = citation["references"]
    assert (len(paper["authors"]), paper["year"]) == (16, 2022)
    assert paper["url"] in (ROOT / "README.md").read_text(encoding="utf-8")
