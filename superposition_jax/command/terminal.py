"""How the command writes: messages, counts, tables of two columns."""

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


def console_for(progress: bool) -> Console:
    """Where messages go: the shell, or nowhere. Text is written as it is, `[x]` and `:x:` in it too."""
    return Console(quiet=not progress, highlight=False, soft_wrap=True, markup=False, emoji=False)


def count(number: int, noun: str) -> str:
    """A number of things in words.

    >>> count(1, "model"), count(5600, "model")
    ('1 model', '5,600 models')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command_line(name: str, folder: Path, shard: str | None = None) -> str:
    """The command line that does `name`, one of `folder_commands.COMMANDS`, on a folder."""
    return f"python -m superposition_jax.run {name}={quoted(str(folder))}" + (f" runtime.shard={shard}" if shard else "")


def same_command(folder: Path) -> str:
    """How to go on with a multirun, in words."""
    return f"the same command with hydra.sweep.dir={quoted(in_hydras_words(str(folder)))}"


def quoted(text: str) -> str:
    """A word for a POSIX shell, or for bash and zsh where it has characters that a terminal would not show.

    >>> print(quoted("a b"), quoted("a\\tb"))
    'a b' $'a\\x09b'
    """
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(c if c.isprintable() and c not in "\\'" else "".join(f"\\x{b:02x}" for b in os.fsencode(c)) for c in text)
    return f"$'{escaped}'"


def in_hydras_words(text: str) -> str:
    """A text as the value of an override, quoted where Hydra would take its characters for something else."""
    is_word = text.lower() not in ("null", "true", "false", "nan", "inf")
    if is_word and re.fullmatch(r"[\w./+-]*[a-df-z_/][\w./+-]*", text, re.ASCII):
        return text
    return QuotedString(re.sub(r"(\\*)\$\{", r"\1\1\${", text), Quote.single).with_quotes()


def write_table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """A table of two columns, as wide as the terminal; plain lines where there is none, to be searched. No control characters."""
    console = console_for(True)
    rows = [("".join(filter(str.isprintable, name)), "".join(filter(str.isprintable, text))) for name, text in rows]
    if console.is_terminal:
        table = Table.grid(Column(no_wrap=True, style="cyan"), Column(overflow="fold"), padding=(0, 0, 0, 2))
        for row in rows:
            table.add_row(*map(Text, row))
        console.print(Text(title, style="bold"), table, "", sep="\n", soft_wrap=False)
        return
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name:<{width}}  {text}".rstrip() for name, text in rows]
    console.print(title, *lines, "", sep="\n")
