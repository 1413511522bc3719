"""Sphinx: one site of the README, the documents, and the reference, which is made from docstrings.

sphinx-build -W --keep-going -n -c docs . build/site        # then open build/site/docs/index.html

The source folder is the repository, so every document stays where it is, and its links are the same as when it is read there.
The reference's pages, one per module, and the page of what experiments declare are written to docs/api, which Git ignores.
"""

import ast
import inspect
import re
import shutil
from importlib import import_module
from pathlib import Path

import jax
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer

import superposition_jax

_LIST_TABLE = (".. list-table::", "   :header-rows: 1", "   :width: 100%", "")
GENERATED = Path(__file__).parent / "api"
"""Holds what is generated before every build."""

project = "superposition_jax"
copyright = "2026, The superposition_jax authors"
version = release = superposition_jax.__version__

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/api/*.rst", "benchmarks/*.md"]
exclude_patterns = [".*", "build", "dist", "outputs"]

extensions = [f"sphinx.ext.{name}" for name in ("autodoc", "autosummary", "napoleon", "viewcode")] + ["myst_parser"]
templates_path = [str(Path(__file__).parent / "_templates")]
default_role = "py:obj"  # `name` is a link where the reference has that name
highlight_language = "none"
smartquotes_action = "D"  # dashes only: x' is no quotation

autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_preserve_defaults = True
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Real": "Real"}
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
viewcode_follow_imported_members = False
jax.Array.__name__ = jax.Array.__qualname__ = "Array"  # for shapes; jaxlib has its own path there

nitpick_ignore_regex = [("py:.*", r"(?!superposition_jax\.).*"), ("py:class", r".*\._[A-Z]\w*")]
"""Other libraries' types, since looking them up would take a network, and type variables."""

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_title = f"superposition_jax {release}"


def _read_as_prose(app, what, name, obj, options, lines):
    """Bars and angles are no markup, and what stands before a colon in a constant's docstring is no type."""
    lines[:] = [line for line in lines if not line.startswith("Alias for field number")]
    lines[:] = [re.sub(r"(`[^`]*)<([^`]*`)", r"\1\<\2", line.replace("|", r"\|")) for line in lines]
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # Napoleon looks for a type in the first line


def _hide_functions(app, domain, kind, content):
    """Registries go without their values: Python has no way to write functions."""
    for value in content.parent.findall(addnodes.desc_annotation):
        if kind == "data" and "<" in value.astext():
            value.parent.remove(value)


def _name_aliases(app, what, name, obj, options, signature, result):
    """By their names inside other types too, where Sphinx shows its own for them."""
    return tuple(part and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", part) for part in (signature, result))


def _list_registries(app, what, name, obj, options, lines):
    """The page of `extend` lists what it exports, each with a link to where it is defined."""
    if name == "superposition_jax.extend":
        imports = [node for node in ast.parse(inspect.getsource(obj)).body if isinstance(node, ast.ImportFrom)]
        lines += ["", *_LIST_TABLE, "   * - name", "     - meaning"]
        for module, export in ((node.module, alias.name) for node in imports for alias in node.names):
            constants = ModuleAnalyzer.for_module(module).find_attr_docs()
            words = constants.get(("", export)) or inspect.getdoc(getattr(obj, export)).splitlines()
            lines += [f"   * - :py:obj:`~{module}.{export}`", f"     - {_as_prose(_first_paragraph(words))}"]


def _write_declared(app):
    """Empty `GENERATED`, and write there what the folders of `experiments` declare."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    (GENERATED / "declared.rst").write_text("\n".join(_declared()), encoding="utf-8")


def _declared():
    """Lines of the page: every experiment with its tables, their variables, and its figures."""
    yield from _heading("What experiments measure and draw", "=")
    yield "By ``tables=[…]`` and ``figures=[…]`` of any sweep that meets their needs. Dimensions follow those of the sweep:"
    yield "``cell`` stands for one value for all seeds together, ``run`` for one value for the whole run."
    experiments = import_module("superposition_jax.experiments")
    for folder in getattr(experiments, "FOLDERS", ()):
        package = import_module(f"{experiments.__name__}.{folder}")
        yield from _heading(folder, "-")
        yield from (*inspect.getdoc(package).splitlines(), "")
        for name, table in package.EXPERIMENT.tables.items():
            yield f"Table :py:obj:`{name} <{table.module}.{name}>`{_needs(table)}"
            yield from ("", *_LIST_TABLE, "   * - variable", "     - dimensions", "     - meaning")
            for variable, (meaning, dims, each, *_) in table.variables.items():
                per = {"model": "", "cell": "``cell``; ", "run": "``run``; "}[each] + ", ".join(dims)
                yield from (f"   * - ``{variable}``", f"     - {per.removesuffix('; ')}", f"     - {_as_prose(meaning)}")
            yield ""
        for name, figure in package.EXPERIMENT.figures.items():
            table = f" of the table ``{figure.table}``" if figure.table else ""
            words = _first_paragraph(inspect.getdoc(getattr(import_module(figure.module), name)).splitlines())
            words = _as_prose(words.removesuffix("."))
            yield from (f"Figure :py:obj:`{name} <{figure.module}.{name}>`{table}: {words}{_needs(figure)}", "")


def _heading(text, line):
    return "", text, line * len(text), ""


def _needs(declared):
    """The conditions of a table or figure."""
    words = "; ".join(need.words for need in declared.needs)
    return f". Needs: {_as_prose(words)}." if words else "."


def _first_paragraph(lines):
    return " ".join("\n".join(lines).split("\n\n")[0].split())


def _as_prose(text):
    """Text without markup but backticks, for reStructuredText."""
    return re.sub(r"`([^`]+)`|([*|_\\])", lambda match: f"``{match[1]}``" if match[1] else f"\\{match[2]}", text)


def setup(app):
    """Connect all, the first before Napoleon, and the pages' writer before autosummary."""
    app.connect("autodoc-process-docstring", _read_as_prose, priority=400)
    app.connect("autodoc-process-docstring", _list_registries)
    app.connect("autodoc-process-signature", _name_aliases)
    app.connect("object-description-transform", _hide_functions)
    app.connect("builder-inited", _write_declared, priority=400)
