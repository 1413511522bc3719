"""An index page of many runs: findings and figures of each, in one HTML file that links to their folders."""

import os
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from superposition_jax.command.terminal import count
from superposition_jax.files import whole

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
nav a { margin-right: .8rem; } img { max-width: 100%; display: block; margin: 1rem 0; } section { border-top: 1px solid #ccc; }
code { background: #f2f2f2; padding: .1rem .3rem; } .quiet { color: #666; }
"""


def write(folder: Path, folders: Sequence[Path]) -> Path:
    """Write index.html into a folder: its runs that are finished, and the figures of all together. Returns the file.

    `folders`: those of the runs.
    """
    from superposition_jax.storage import manifest  # which imports JAX: Hydra imports this also where it only shows a config

    described = [(Path(os.path.relpath(path, folder)), manifest.read(path)) for path in folders]
    runs = [(path, run) for path, run in described if run and run["status"] == "finished"]
    sections = "\n".join(_section(folder, path, run) for path, run in runs)
    links, page = [f'<a href="#{quote(str(path))}">{escape(str(path))}</a>' for path, _ in runs], folder / "index.html"
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(folder.name)}</title><style>{_STYLE}</style><h1>{count(len(runs), 'run')}</h1>"
        f"<nav>{' '.join(links)}</nav>{_pictures(folder, folder)}\n{sections}</html>\n"
    )
    return whole(page, lambda path: path.write_text(html, encoding="utf-8"))


def _pictures(folder: Path, path: Path) -> str:
    """A link to a run's page to explore, if it has one, and its figures."""
    page, files = path / "explorer.html", [file for file in sorted(path.glob("figures/*")) if file.suffix in (".png", ".gif")]
    link = f'<p><a href="{_address(page, folder)}">explore the sweep</a></p>' if page.exists() else ""
    named = [(_address(file, folder), escape(f"{path.name}: {file.stem}")) for file in files]
    return link + "".join(f'<img loading="lazy" src="{source}" alt="{name}">' for source, name in named)


def _address(file: Path, folder: Path) -> str:
    """A file below a folder as a link of the folder's page, whatever characters its name has."""
    return f"./{quote(file.relative_to(folder).as_posix())}"


def _section(folder: Path, path: Path, manifest: dict[str, Any]) -> str:
    """One run: its size, findings and figures."""
    models = sum(group["models"] for group in manifest["groups"])
    overrides = folder / path / ".hydra" / "overrides.yaml"
    words = ", ".join(overrides.read_text(encoding="utf-8").split("\n")[:-1]).replace("- ", "") if overrides.exists() else ""
    findings = "".join(f"<li>{escape(line)}</li>" for line in manifest["findings"])
    name = escape(str(path))
    return (
        f'<section id="{name}"><h2>{name}</h2><p><code>{escape(words)}</code></p><p class="quiet">{count(models, "model")}; '
        f'<a href="{_address(folder / path / "manifest.json", folder)}">manifest</a>, '
        f'<a href="{_address(folder / path / "results.nc", folder)}">results</a></p>'
        f"<ul>{findings}</ul>{_pictures(folder, folder / path)}</section>"
    )


class Index(Callback):
    """Hydra's callback that writes the page after every job, where a launcher does one job after another."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Write the page into the multirun's folder, once there is a run."""
        hydra = config.hydra
        if hydra.mode == RunMode.MULTIRUN and "BasicLauncher" in hydra.launcher._target_:
            self.folders.append(Path(hydra.runtime.output_dir))
            root = Path(hydra.runtime.cwd, hydra.sweep.dir)
            write(root, [folder for folder in self.folders if folder != root])

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Say where it is."""
        if "BasicLauncher" in config.hydra.launcher._target_:
            sys.stdout.write(f"index    {Path(config.hydra.sweep.dir) / 'index.html'}\n")
