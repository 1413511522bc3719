"""How the command writes: messages, counts, tables of two columns."""

import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


def console_for(progress: bool) -> Console:
    """Where messages go: the shell, or nowhere."""
    return Console(quiet=not progress, highlight=False, soft_wrap=True)


def count(number: int, noun: str) -> str:
    """A number of things in words.

    >>> count(1, "model"), count(5600, "model")
    ('1 model', '5,600 models')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command_line(name: str, folder: Path, shard: str | None = None) -> str:
    """The command line that does `name`, one of `folder_commands.COMMANDS`, on a folder."""
    return f"python -m superposition_jax.run {name}={shlex.quote(str(folder))}" + (f" runtime.shard={shard}" if shard else "")


def write_table(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """A table of two columns, as wide as the terminal; plain lines where there is none, to be searched. No control characters."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
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
