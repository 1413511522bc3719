"""Reports of the measurements: JSON files, a figure, and the tables in the README."""

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "outputs" / "benchmarks"
_START, _END = "<!-- benchmarks: written by `python -m benchmarks.run`, not by hand -->", "<!-- end of benchmarks -->"
_COLOURS = mpl.colormaps["cividis"]


def write(part: str, results: dict[str, Any]) -> Path:
    """Save one part's results in outputs/benchmarks."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{part}.json"
    path.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    return path


def read(part: str) -> dict[str, Any] | None:
    """Results of a part, or None where it has not run."""
    path = FOLDER / f"{part}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def say(*lines: str, to: TextIO | None = None) -> None:
    """Lines at once, on standard output by default."""
    stream = to or sys.stdout
    stream.write("\n".join(lines) + "\n")
    stream.flush()


def table(peers: dict[str, Any]) -> str:
    """The README's table: seconds per model of the published recipe, and how many times faster all others are."""
    columns = (
        "",
        "published recipe in PyTorch",
        "plain vmapped JAX",
        "`train=paper`",
        "`train=fast`",
        "with evaluation, measures, saving",
        "with process start and compilation",
        "compilation, and in a second process",
        "final loss, fast / published, median over densities and highest",
    )
    rows = []
    for problem, result in peers.items():
        theirs = result["torch"]["seconds_a_model"]["median"]
        faster = [theirs / result[name]["seconds_a_model"]["median"] for name in ("plain", "paper", "fast")]
        rest = ("with_evaluation_and_saving", "with_process_start_and_compilation")
        faster += [theirs / result["fast"][name]["median"] for name in rest]
        ratio, error = np.array(result["losses"]["ratio"]), np.array(result["losses"]["error"])
        worst = np.argmax(ratio)
        loss = f"{np.median(ratio):.3f}, {ratio[worst]:.3f} ± {error[worst]:.3f}"
        compiled = f"{result['fast']['compile']['median']:.1f} s, {result['compile_again']:.2f} s"
        name = f"{problem}, {result['models']} models" + (
            f" ({result['fast_models']:,} by fast)" if result["fast_models"] > result["models"] else ""
        )
        rows.append([name, f"{theirs:.3g} s per model", *map(_times, faster), compiled, loss])
    return markdown(columns, rows)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def _times(faster: float) -> str:
    return f"{float(f'{faster:.2g}'):,.0f}×" if faster >= 10 else f"{faster:.1f}×"


def diagrams(runs: dict[str, Any]) -> str:
    """The README's table of whole commands."""
    rows = []
    for name, run in runs.items():
        seconds, train = f"{run['seconds']:.1f} s", f"{run['parts']['train']:.1f} s"
        memory, file = f"{run['peak_bytes'] / 1e9:.2f} GB", f"{run['results_bytes'] / 1e6:.1f} MB"
        rows.append([name, f"{run['models']:,}", seconds, train, memory, file])
    columns = ("command, compiling afresh", "models", "start to end", "of which training", "peak memory", "results.nc")
    return markdown(columns, rows)


def _torch(peers: dict[str, Any]) -> bool:
    return all("torch" in result for result in peers.values())


def update_readme() -> None:
    """Put the tables of what has run between the two marks."""
    peers, commands = read("peers"), read("diagrams")
    tables = [table(peers)] if peers and _torch(peers) else []
    tables += [diagrams(commands)] if commands else []
    joined = "\n\n".join(tables)
    cores = f"Measured on {platform.machine()}, {os.cpu_count()} cores."
    replace_between(ROOT / "README.md", _START, _END, f"{joined}\n\n{cores}")


def replace_between(path: Path, start: str, end: str, text: str) -> None:
    """Put text between two marks of a file."""
    before, rest = path.read_text(encoding="utf-8").split(start)
    _, after = rest.split(end)
    path.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def figure() -> Figure | None:
    """A panel or two for every part that has run, peers only with PyTorch; None without any."""
    drawn = [(draw, results) for part, draw in _PANELS if (results := read(part)) and (part != "peers" or _torch(results))]
    if not drawn:
        return None
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    picture = Figure(figsize=(6.2 * columns, 4.8 * rows), layout="constrained")
    panels = picture.subplots(rows, columns, squeeze=False).ravel()
    for axes, (draw, results) in zip(panels, drawn, strict=False):
        draw(axes, results)
    for axes in panels[len(drawn) :]:
        axes.remove()
    return picture


def _draw_faster(axes, peers) -> None:
    axes.set(ylabel="times faster, by seconds per model", title="Published recipe in PyTorch = 1", yscale="log")
    words = {"plain": "plain vmapped JAX", "paper": "train=paper", "fast": "train=fast"}
    places, width = np.arange(len(peers)), 0.27
    for k, (name, label) in enumerate(words.items()):
        ratios = [p["torch"]["seconds_a_model"]["median"] / p[name]["seconds_a_model"]["median"] for p in peers.values()]
        bars = axes.bar(places + (k - 1) * width, ratios, width, label=label, color=_COLOURS(k / 2.2))
        axes.bar_label(bars, [f"{ratio:,.2g}" if ratio < 10 else f"{ratio:,.0f}" for ratio in ratios], fontsize=7)
    axes.set_xticks(places, [name.replace(", ", "\n") for name in peers])
    axes.set_ylim(top=10 * axes.get_ylim()[1])
    axes.axhline(1, color="black", lw=0.8)
    axes.legend(loc="upper left", ncols=3, fontsize=8)


def _draw_losses(axes, peers) -> None:
    axes.set(
        xlabel="density 1 − S", ylabel="median final loss, fast / published", title="Final loss of train=fast, by one evaluator"
    )
    for k, (problem, result) in enumerate(peers.items()):
        losses = result["losses"]
        axes.errorbar(losses["density"], losses["ratio"], losses["error"], label=problem, capsize=2, **_style(k))
    _over_density(axes)


def _draw_time(axes, curves) -> None:
    axes.set(
        xlabel="density 1 − S", ylabel="ms per model", title="Time to the published recipe's median final loss", yscale="log"
    )
    for k, (problem, curve) in enumerate(curves.items()):
        axes.plot(curve["density"], 1e3 * np.array(curve["seconds_a_model"]), label=f"{problem}, train=fast", **_style(k))
        if theirs := curve["published_seconds_a_model"]:
            axes.axhline(1e3 * theirs, color=_style(k)["color"], ls=":", label=f"{problem}, PyTorch, 10,000 steps")
    _over_density(axes)


def _style(k: int) -> dict[str, Any]:
    return {"marker": "osD^vP"[k], "color": _COLOURS(k / 5.5), "ms": 4}


def _over_density(axes) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.legend(fontsize=8)


def _draw_scaling(axes, scaling) -> None:
    axes.set(
        xlabel="number", ylabel="seconds per model-step / least", title="Scaling (log-log slope)", xscale="log", yscale="log"
    )
    for k, (name, curve) in enumerate(scaling.items()):
        seconds = np.array(curve["seconds_a_step"])
        axes.plot(curve["values"], seconds / seconds.min(), label=f"{name} ({curve['slope']:+.2f})", **_style(k))
    axes.legend(fontsize=8)


def _draw_compile(axes, scaling) -> None:
    models = scaling["models"]
    axes.set(xlabel="models", ylabel="seconds or GB", title="Compile time and peak memory", xscale="log")
    axes.plot(models["values"], models["compile"], label="compile, s", **_style(0))
    axes.plot(models["values"], np.array(models["peak_bytes"]) / 1e9, label="peak memory of the process, GB", **_style(4))
    axes.set_ylim(0, 1.2 * max(*models["compile"], *np.array(models["peak_bytes"]) / 1e9))
    axes.legend(fontsize=8)


def _draw_parts(axes, limit) -> None:
    axes.set(xlabel="share of the threads' time", title="Where a step's time goes")
    steps = limit["steps"]
    names = [f"{name}\n{step['share_of_matrix_peak']:.0%} of matrix peak" for name, step in steps.items()]
    shades, left = ("", "//", "..", "xx", "\\\\", "--", "oo"), np.zeros(len(names))
    for k, part in enumerate(next(iter(steps.values()))["parts"]):
        shares = np.array([step["parts"][part] for step in steps.values()])
        axes.barh(names, shares, left=left, label=part, color=_COLOURS(k / 6.5), hatch=shades[k], edgecolor="white", lw=0.3)
        left += shares
    axes.tick_params("y", labelsize=7)
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.4, -0.12), ncols=3)


_PANELS = (
    ("peers", _draw_faster),
    ("peers", _draw_losses),
    ("time_to_loss", _draw_time),
    ("scaling", _draw_scaling),
    ("scaling", _draw_compile),
    ("limit", _draw_parts),
)
