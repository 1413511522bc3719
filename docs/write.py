"""Put pictures and times of experiments' runs into docs/experiments.md and the README, between their markers.

python docs/write.py outputs/all/<time> [outputs/<time of a run with preset=full> …]

Experiments that are not among the folder's runs keep what stands there.
"""

import json
import re
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
_WIDE = 1100
_SECTION = re.compile(r"### (\w+)\n\n.*?(?=\n\n### |\n\n<!--)", re.S)
_SECONDS = re.compile(r"models in (\d+) s[;.]")


def main(folder: Path, full: list[Path]) -> None:
    """Write all."""
    runs = {path.parent.name: _manifest(path) for path in sorted(folder.glob("*/manifest.json"))}
    larger = {run["config"]["name"]: run for run in (_manifest(path / "manifest.json") for path in full)}
    there = {found[1]: found[0] for found in _SECTION.finditer((DOCS / "experiments.md").read_text(encoding="utf-8"))}
    sections = there | {name: _section(folder / name, run, larger.get(name)) for name, run in runs.items()}
    text = "\n\n".join(sections[name] for name in sorted(sections))
    _between(DOCS / "experiments.md", "pictures", f"\n\n{text}\n\n")
    seconds = sum(int(_SECONDS.search(section)[1]) for section in sections.values())
    _between(DOCS.parent / "README.md", "all", f"{seconds / 60:.0f}")


def _manifest(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _section(folder: Path, run: dict, full: dict | None) -> str:
    models = sum(group["models"] for group in run["groups"])
    times = f"{models:,} models in {run['seconds']['all']:.0f} s"
    if full:
        count, spec = sum(group["models"] for group in full["groups"]), full["groups"][0]["spec"]
        size = f"n={spec['n_features']}, m={spec['n_hidden']}"
        times += f"; `preset=full` ({size}): {count:,} models in {full['seconds']['all']:.0f} s"
    pictures = "".join(f"\n\n![{path.stem}]({_copy(path, folder.name)})" for path in sorted((folder / "figures").glob("*.png")))
    return f"### {folder.name}\n\n`python -m superposition_jax.run experiment={folder.name}`: {times}.{pictures}"


def _copy(path: Path, experiment: str) -> str:
    """A smaller picture of 256 colours under docs/pictures; its path from docs."""
    target = DOCS / "pictures" / f"{experiment}-{path.stem}.png"
    target.parent.mkdir(exist_ok=True)
    image = Image.open(path).convert("RGB")
    image.thumbnail((_WIDE, 4 * _WIDE), Image.Resampling.LANCZOS)
    image.quantize(256).save(target, optimize=True)
    return f"pictures/{target.name}"


def _between(path: Path, name: str, text: str) -> None:
    pattern = re.compile(rf"(<!-- {name}[^>]*-->).*?(<!-- end of {name} -->)", re.S)
    whole, count = pattern.subn(lambda found: found[1] + text + found[2], path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{path}: has no place for {name}")
    path.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
