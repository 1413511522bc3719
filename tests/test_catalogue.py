"""What `--list` writes."""

import re
from pathlib import Path

import pytest
from shell import run

from superposition_jax.command import listing
from superposition_jax.config.compose import conf_dir
from superposition_jax.config.rules import Choice
from superposition_jax.config.schema import LEAVES
from superposition_jax.errors import ConfigError


def test_everything_with_a_name_has_a_line():
    sections = {title.partition("=")[0]: entries for title, entries in listing.sections([])}
    assert [name for entries in sections.values() for name, text in entries.items() if not text] == []
    for folder in Path(conf_dir()).iterdir():
        if folder.is_dir():
            assert [*sections[folder.name]] == sorted(file.stem for file in folder.glob("*.yaml"))
    for key, rule in LEAVES.items():
        if isinstance(rule, Choice) and isinstance(rule.names, dict):
            assert [*rule.names] in [[*entries] for entries in sections.values()], key
    assert sections["experiment"]["l1"] == "An L1 penalty on the hidden activations removes superposition, at a higher loss."
    assert sections["data.importance.kind"]["geometric"] == "I_i = decay^i"
    assert sections["tables"]["superposed"].startswith("Number of represented features")


def test_the_list_is_plain_in_a_pipe_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    listing.write(["--list"])
    plain = capsys.readouterr().out
    assert "\x1b" not in plain
    assert "\n  learning_rate  Is it a phase or the optimiser? The same sparsities at learning rates over two decades.\n" in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    listing.write(["--list"])
    coloured = capsys.readouterr().out
    assert "\x1b" in coloured
    lines = re.sub(r"\x1b\[[0-9;]*m", "", coloured).splitlines()
    assert max(map(len, lines)) <= 80
    words = re.sub(r"\W", "", "".join(lines))
    assert all(name in words for name in ("vulnerability_by_packing", "Theplateau", "quadrature"))


MINE = """
from superposition_jax import extend, geometry, objective, targets
from superposition_jax.experiments.declare import Table
from superposition_jax.types import Measure

targets.TARGETS["negative"] = targets.Target(lambda x: -x, meaning="y = −x")
objective.PENALTIES["nothing"] = lambda h: 0 * h.sum(axis=0)

def largest_norm(w):
    "A table and a measure."
    return geometry.feature_norm(w).max()

geometry.MEASURES[largest_norm] = Measure((), "max of the norms")
extend.TABLES["largest_norm"] = Table("mine", {})
"""


def test_the_list_has_what_imports_add(tmp_path):
    (tmp_path / "mine.py").write_text(MINE, encoding="utf-8")
    done = run("--list", "imports=[mine]", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["negative", "y = −x"] in lines
    assert ["largest_norm", "max of the norms"] in lines
    assert ["largest_norm", "A table and a measure."] in lines
    assert ["nothing"] in lines


@pytest.mark.parametrize("other", ["sweep=sparsity", "experiments", "imports=7", "imports=[nowhere]"])
def test_the_list_takes_imports_only(other):
    with pytest.raises(ConfigError, match=re.escape(other.partition("=")[0])):
        listing.write(["--list", other])
