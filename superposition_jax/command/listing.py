"""`--list`: all that there is to choose from, the options of conf/ and the entries of registries, a user's among them."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from superposition_jax.command.terminal import write_table
from superposition_jax.config import run_config
from superposition_jax.config.compose import conf_dir
from superposition_jax.config.rules import Choice
from superposition_jax.config.schema import LEAVES, RUNTIME
from superposition_jax.core import evaluation, geometry
from superposition_jax.errors import ConfigError
from superposition_jax.experiments.declare import Figure, Table
from superposition_jax.experiments.registry import FIGURES, TABLES

_GROUP = re.compile(r"^  - (?:optional )?(\w+): .*?# (.*)$", re.M)
"""A line of the defaults in conf/config.yaml: a group of options, and what it decides."""
_COMMENT = re.compile(r"\A(?:# @package.*\n)?((?:# .*\n)+)")
"""The comment that a YAML file begins with."""


def write(arguments: list[str]) -> None:
    """Answer `--list [imports=[…]]`."""
    given = [argument for argument in arguments if argument != "--list"]
    if other := [argument for argument in given if not argument.startswith("imports=")]:
        raise ConfigError(f"{other[0]}: --list takes imports=[…] only beside it")
    try:
        imports = yaml.safe_load(given[0].partition("=")[2]) if given else []
    except yaml.YAMLError as error:
        raise ConfigError(f"{given[0]}: must be a list of modules") from error
    for title, entries in sections(imports):
        write_table(title, entries.items())


def sections(imports: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Each section's title, and its names with their meanings, those of `imports` included; raises ConfigError if one fails."""
    run_config.import_modules(imports)
    conf = Path(conf_dir())
    for group, decides in _GROUP.findall((conf / "config.yaml").read_text(encoding="utf-8")):
        options = sorted(conf.glob(f"{group}/*.yaml"))
        yield f"{group}=  {decides}", {file.stem: _comment(file) for file in options}
    rules = [(key, rule.names) for key, rule in (LEAVES | RUNTIME).items() if isinstance(rule, Choice)]
    choices = [(key, names) for key, names in rules if isinstance(names, dict)]
    for registry in {id(names): names for _, names in choices}.values():
        title = "  ".join(f"{key}=" for key, names in choices if names is registry)
        yield title, {name: _meaning(entry) for name, entry in registry.items()}
    yield "measures=[…]", _measures(evaluation.ESTIMATES)
    yield "measured in every run", _measures(evaluation.MEASURES) | _measures(geometry.MEASURES)
    yield "tables=[…]", {name: _meaning(_documented(name, entry)) for name, entry in TABLES.items()}
    yield "figures=[…]", {name: _meaning(_documented(name, entry)) for name, entry in FIGURES.items()}


def _comment(file: Path) -> str:
    """The comment that a YAML file begins with, as one line."""
    comment = _COMMENT.match(file.read_text(encoding="utf-8"))
    return " ".join(line.removeprefix("# ") for line in comment[1].splitlines()) if comment else ""


def _documented(name: str, entry: Any) -> Any:
    """A table or figure; if only its module is named, which is slow to import, the docstring."""
    if not isinstance(entry, (Table, Figure)):
        return entry
    source = getattr(find_spec(entry.module), "origin", None)
    code = ast.parse(Path(source).read_text(encoding="utf-8")).body if source else []
    texts = [ast.get_docstring(node) for node in code if isinstance(node, ast.FunctionDef) and node.name == name]
    return "".join(filter(None, texts))


def _meaning(entry: Any) -> str:
    """What an entry means: itself if it is text, its `meaning`, or the first paragraph of its docstring."""
    text = entry if isinstance(entry, str) else getattr(entry, "meaning", None) if isinstance(entry, tuple) else entry.__doc__
    return " ".join((text or "").split("\n\n")[0].split())


def _measures(measures: dict[Any, Any]) -> dict[str, str]:
    return {getattr(function, "__name__", function): measure.meaning for function, measure in measures.items()}
