"""How the command writes: messages, counts, tables of two columns, and the models of a Dataset in words."""

import shlex
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from superposition_jax.results import select
from superposition_jax.results.status import STATUS

_FEW = 8
"""Values of an axis, or names, up to which all are written."""


def console_for(progress: bool) -> Console:
    """Where messages go: the shell, or nowhere."""
    return Console(quiet=not progress, highlight=False, soft_wrap=True)


def count(number: int, noun: str) -> str:
    """A number of things in words.

    >>> count(1, "model"), count(5600, "model")
    ('1 model', '5,600 models')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command(name: str, folder: Path, shard: str | None = None) -> str:
    """The command line that does `name`, one of `folder_commands.COMMANDS`, on a folder."""
    return f"python -m superposition_jax.run {name}={shlex.quote(str(folder))}" + (f" runtime.shard={shard}" if shard else "")


def first_few(names: Iterable[str]) -> str:
    """Names, or the first of them and how many more there are."""
    every = [*names]
    return ", ".join(every[:_FEW]) + (f" and {len(every) - _FEW} more" if len(every) > _FEW else "")


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


def models(dataset: xr.Dataset) -> str:
    """How many models there are, by status."""
    counts = [f"{np.sum(dataset['status'].values == number):,} {word}" for number, word in enumerate(STATUS)]
    return f"{dataset['status'].size:,}: {', '.join(counts[1:] + counts[:1])}"


def axis_values(values: np.ndarray) -> str:
    """All of a few values, else how many and their range, or first and last where they are names.

    >>> axis_values(np.arange(12))
    '12 from 0 to 11'
    """
    flat = np.atleast_1d(values)
    shown = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in flat.tolist()]
    if flat.size <= _FEW:
        return ", ".join(shown)
    ends = (flat.argmin(), flat.argmax()) if flat.dtype.kind in "fiu" else (0, -1)
    return f"{flat.size:,} from {shown[ends[0]]} to {shown[ends[1]]}"


def losses(dataset: xr.Dataset) -> str:
    """Best and median over seeds, as ranges over cells, of models that are finished and did not diverge."""
    loss, seed = dataset["loss"].where(dataset["status"] == STATUS.index("ok")), select.seed_dim(dataset)
    cells = loss.transpose(..., seed).values.reshape(-1, loss.sizes[seed]) if seed else loss.values.reshape(-1, 1)
    cells = cells[np.isfinite(cells).any(axis=1)]
    if not cells.size:
        return "none yet"
    over = f" over {len(cells):,} cells" if len(cells) > 1 else ""
    if seed is None:
        return _range(cells) + over
    return f"best of seeds {_range(np.nanmin(cells, axis=1))}, median {_range(np.nanmedian(cells, axis=1))}{over}"


def _range(values: np.ndarray) -> str:
    low, high = f"{np.nanmin(values):.4g}", f"{np.nanmax(values):.4g}"
    return low if low == high else f"{low} … {high}"
