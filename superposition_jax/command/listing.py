"""What there is to choose from, each with its own words: options of conf/ with their first comment, entries of registries with
their `meaning` or docstring, the user's own among them."""

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from superposition_jax.config import run_config
from superposition_jax.config.compose import conf_dir
from superposition_jax.config.schema import LEAVES, RUNTIME, Choice
from superposition_jax.core import evaluation, geometry
from superposition_jax.experiments.declare import Figure, Table
from superposition_jax.experiments.registry import FIGURES, TABLES

_GROUP = re.compile(r"^  - (?:optional )?(\w+): .*?# (.*)$", re.M)
"""A group of options in the defaults of conf/config.yaml, and what it decides."""
_COMMENT = re.compile(r"\A(?:# @package.*\n)?((?:# .*\n)+)")
"""What a YAML file begins with."""


class Section(NamedTuple):
    """Things of a kind."""

    title: str
    """How to ask for one, and what it decides."""
    entries: dict[str, str]
    """What each is, by name."""


def sections(imports: Any) -> Iterator[Section]:
    """Everything that has a name, once the modules in `imports` have added theirs. Raises ConfigError like `run_config.read`."""
    run_config.import_modules(imports)
    conf = Path(conf_dir())
    for group, decides in _GROUP.findall((conf / "config.yaml").read_text(encoding="utf-8")):
        options = sorted(conf.glob(f"{group}/*.yaml"))
        yield Section(f"{group}=  {decides}", {file.stem: _comment(file.read_text(encoding="utf-8")) for file in options})
    choices = [
        (key, rule.names) for key, rule in (LEAVES | RUNTIME).items() if isinstance(rule, Choice) and isinstance(rule.names, dict)
    ]
    for registry in {id(names): names for _, names in choices}.values():
        title = "  ".join(f"{key}=" for key, names in choices if names is registry)
        yield Section(title, {name: _meaning(entry) for name, entry in registry.items()})
    yield Section("measures=[…]", _measures(evaluation.ESTIMATES))
    yield Section("measured in every run", {**_measures(evaluation.MEASURES), **_measures(geometry.MEASURES)})
    yield Section("tables=[…]", {name: _meaning(_docstring(name, entry)) for name, entry in TABLES.items()})
    yield Section("figures=[…]", {name: _meaning(_docstring(name, entry)) for name, entry in FIGURES.items()})


def _comment(text: str) -> str:
    """The comment that a YAML file begins with, as one line."""
    found = _COMMENT.match(text)
    return " ".join(line.removeprefix("# ") for line in found[1].splitlines()) if found else ""


def _docstring(name: str, entry: Any) -> Any:
    """A user's function, or the docstring of a declared one, whose module is slow to import."""
    if not isinstance(entry, (Table, Figure)):
        return entry
    package, _, module = entry.module.rpartition(".")
    code = ast.parse(files(package).joinpath(f"{module}.py").read_text(encoding="utf-8")).body
    return next(ast.get_docstring(node) for node in code if isinstance(node, ast.FunctionDef) and node.name == name)


def _meaning(entry: Any) -> str:
    """An entry's own words: itself, its `meaning`, or its docstring's first paragraph."""
    text = entry if isinstance(entry, str) else getattr(entry, "meaning", None) if isinstance(entry, tuple) else entry.__doc__
    return " ".join((text or "").split("\n\n")[0].split())


def _measures(measures: dict[Any, Any]) -> dict[str, str]:
    return {getattr(function, "__name__", function): measure.meaning for function, measure in measures.items()}
