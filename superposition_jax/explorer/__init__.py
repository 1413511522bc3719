"""explorer.html: a page to explore a run, in one file that needs nothing else."""

import json
from html import escape
from pathlib import Path
from typing import NamedTuple

import xarray as xr

from superposition_jax.explorer.content import MOST_BYTES, content
from superposition_jax.files import whole
from superposition_jax.results import netcdf

FILE = "explorer.html"
_SCRIPTS = (
    *("arrays", "view", "paint", "map", "heat", "lines", "geometry", "arrows", "gram", "charts", "panel"),
    *("save", "controls", "main"),
)
"""The page's scripts, in the order in which they run."""


class Explorer(NamedTuple):
    """A page that a notebook shows."""

    html: str
    file: Path | None = None
    """The page's file, if it is written."""

    def __repr__(self) -> str:
        return f"Explorer({str(self.file) if self.file else 'not written'}, {len(self.html) / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{escape(self.html)}" style="width: 100%; height: 900px; border: 0"></iframe>'


def page(dataset: xr.Dataset, most: int = MOST_BYTES) -> str:
    """The page of a Dataset as HTML, with as much of it as fits into about `most` bytes.

    Raises:
      ValueError: if the Dataset lacks a dimension or the config that the page needs.
    """
    dataset = netcdf.updated(dataset)
    if missing := [name for name in ("feature", "hidden", "step", "config") if name not in {*dataset.dims, *dataset.attrs}]:
        raise ValueError(f"explore: the Dataset has no {', '.join(missing)}; give a run's, or a selection along its sweep")
    shown = json.dumps(content(dataset, most), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    parts = {
        "title": escape(f"{dataset.attrs.get('name', 'run')}: superposition"),
        "style": _read("style.css"),
        "d3": _read("vendor/d3.min.js"),
        "content": shown.replace("</", "<\\/").replace("<!--", "<\\u0021--"),
        "script": "\n".join(_read(f"script/{name}.js") for name in _SCRIPTS),
    }
    before, *rest = _read("page.html").split("{{")
    return before + "".join(parts[name] + text for name, _, text in (part.partition("}}") for part in rest))


def _read(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def make(dataset: xr.Dataset, file: Path | None) -> Explorer:
    """The page of a Dataset, written to a file if one is given."""
    html = page(dataset)
    return Explorer(html, whole(file, lambda path: path.write_text(html, encoding="utf-8")) if file else None)
