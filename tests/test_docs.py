"""Documents name what exists, and the reference has all of the package. That it builds without warnings is for .ci/run."""

import ast
import doctest
import importlib
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from superposition_jax import extend

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "superposition_jax"
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


def examples():
    """Docstrings of the package with examples: the module's name, where the docstring stands, and the docstring."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = ast.get_docstring(node) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) else None
            if text and ">>> " in text:
                yield pytest.param(module, text, id=f"{module}.{getattr(node, 'name', '')}".rstrip("."))


@pytest.mark.parametrize(("module", "text"), [*examples()])
def test_examples_in_docstrings_give_what_they_show(module, text):
    """Read from the source, since doctest itself finds no function that is wrapped to check shapes."""
    names = {**vars(importlib.import_module(module))}
    example = doctest.DocTestParser().get_doctest(text, names, module, None, None)
    runner, report = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE), []
    runner.run(example, out=report.append)
    assert not report, "".join(report)


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_reference_lists_every_file_and_folder_of_the_package():
    listed = re.findall(r"^   superposition_jax\.?(\w*)$", read("docs/reference.md"), re.MULTILINE)
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(listed) == sorted({"", *names} - {"__init__", "run"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_documents_name_exist(path):
    """Of the repository, of the package, or beside the document; but those of examples, which are not ours."""
    named = re.findall(r"`((?:\w+/)*\w+\.(?:py|yaml|sh|json))`", path.read_text(encoding="utf-8"))
    places = (ROOT, PACKAGE, path.parent, ROOT / "docs" / "recipes")
    examples = {"conf/experiment/frames.yaml", "conf/sizes/frames_full.yaml", "tests/test_frames.py"}
    assert not [name for name in set(named) - examples if not any((place / name).exists() for place in places)]


def test_names_are_in_the_files_where_contributing_says_they_are():
    lists = re.findall(r"((?:`\w+`(?:, | and ))*`\w+`) (?:in |\()`([\w/]+\.py)`", read("CONTRIBUTING.md"))
    pairs = [(name, file) for names, file in lists for name in re.findall(r"\w+", names.replace(" and ", " "))]
    assert len(pairs) > 15
    files = {file: next(place / file for place in (PACKAGE, ROOT) if (place / file).exists()) for _, file in pairs}
    assert not [
        pair for pair in pairs if not re.search(rf"^(def |class )?{pair[0]}\b *[=:(]", files[pair[1]].read_text("utf-8"), re.M)
    ]


def test_every_registry_is_in_the_table_of_what_can_be_added():
    registries = {name for name in extend.__all__ if name.isupper()}
    assert registries <= {*re.findall(r"`([A-Z]+)`", read("CONTRIBUTING.md"))}


def test_every_experiment_is_compared_with_the_paper():
    named = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.+?) \|", read("docs/experiments.md"), re.MULTILINE)))
    assert sorted(named) == sorted({path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")} - {"none"})


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert {key: citation[key] for key in ("version", "license", "keywords")} == {
        key: project[key] for key in ("version", "license", "keywords")
    }
    (paper,) = citation["references"]
    assert (len(paper["authors"]), paper["year"]) == (16, 2022)
    assert paper["url"] in read("README.md")
