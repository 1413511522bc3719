"""Sphinx: one site of the README, the documents, and the reference, which is made from docstrings.

sphinx-build -W --keep-going -n -c docs . build/site        # then open build/site/docs/index.html

The source folder is the repository, so every document stays where it is, and its links are the same as when it is read there.
"""

import re

import jax
from sphinx import addnodes

import superposition_jax

project = "superposition_jax"
copyright = "2026, The superposition_jax authors"
version = release = superposition_jax.__version__

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "benchmarks/*.md"]
exclude_patterns = [".*", "build", "dist", "outputs"]

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "myst_parser"]
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

nitpick_ignore_regex = [("py:.*", r"(?!superposition_jax\.).*")]
"""Other libraries' types: looking them up would take a network."""

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


def setup(app):
    """Connect all, the first before Napoleon."""
    app.connect("autodoc-process-docstring", _read_as_prose, priority=400)
    app.connect("autodoc-process-signature", _name_aliases)
    app.connect("object-description-transform", _hide_functions)
