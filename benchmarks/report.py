"""What the measurements become: a JSON file, a figure, and the table in the README."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "outputs" / "benchmarks"
_START, _END = "<!-- benchmarks: written by `python -m benchmarks.run`, not by hand -->", "<!-- end of benchmarks -->"
_COLOURS = mpl.colormaps["cividis"]


def write(part: str, results: dict[str, Any]) -> Path:
    """Keep one part's results in outputs/benchmarks."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{part}.json"
    path.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")
    return path


def read(part: str) -> dict[str, Any] | None:
    """Results of a part, or None where it has not run."""
    path = FOLDER / f"{part}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def table(peers: dict[str, Any]) -> str:
    """The README's table: seconds a model of the published recipe, and how many times faster everything else is."""
    head = (
        "| | published recipe in PyTorch | plain vmapped JAX | `train=paper` | `train=fast` | with evaluation, measures, saving "
        "| with process start and compilation | final loss |"
    )
    rows = [head, "|---|---|---|---|---|---|---|---|"]
    for problem, found in peers.items():
        theirs = found["torch"]["seconds_a_model"]["median"]
        faster = [theirs / found[name]["seconds_a_model"]["median"] for name in ("plain", "paper", "fast")]
        rest = ("with_evaluation_and_saving", "with_process_start_and_compilation")
        faster += [theirs / found["fast"][name]["median"] for name in rest]
        ratio, error = np.array(found["losses"]["ratio"]), np.array(found["losses"]["error"])
        worst = np.argmax(ratio)
        loss = f"{np.median(ratio):.3f}, at most {ratio[worst]:.3f} ± {error[worst]:.3f}"
        models = f"{found['models']} models"
        rows.append(" | ".join([f"| {problem}, {models}", f"{theirs:.3g} s a model", *map(_times, faster), f"{loss} |"]))
    return "\n".join(rows)


def _times(faster: float) -> str:
    return f"{float(f'{faster:.2g}'):,.0f}×" if faster >= 10 else f"{faster:.1f}×"


def update_readme(peers: dict[str, Any]) -> None:
    """Put the table between its two marks."""
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(_START)
    _, after = rest.split(_END)
    cores = f"Measured on {platform.machine()}, {os.cpu_count()} cores."
    path.write_text(f"{before}{_START}\n{table(peers)}\n\n{cores}\n{_END}{after}", encoding="utf-8")


def figure() -> Figure:
    """Everything measured, in four panels; parts that have not run stay empty."""
    picture = Figure(figsize=(12, 8.5), layout="constrained")
    faster, loss, scaling, parts = picture.subplots(2, 2).ravel()
    _draw_faster(faster, loss, read("peers"))
    _draw_scaling(scaling, read("scaling"))
    _draw_parts(parts, read("limit"))
    return picture


def _draw_faster(axes, losses, peers) -> None:
    axes.set(ylabel="times faster than PyTorch, seconds a model", title="Published recipe in PyTorch = 1")
    losses.set(xlabel="density 1 − S", ylabel="median final loss / published", title="Final loss of train=fast, by one evaluator")
    if not peers:
        return
    names, width = ("plain", "paper", "fast"), 0.27
    words = {"plain": "plain vmapped JAX", "paper": "train=paper", "fast": "train=fast"}
    for k, name in enumerate(names):
        ratios = [p["torch"]["seconds_a_model"]["median"] / p[name]["seconds_a_model"]["median"] for p in peers.values()]
        bars = axes.bar(np.arange(len(peers)) + (k - 1) * width, ratios, width, label=words[name], color=_COLOURS(k / 2.2))
        axes.bar_label(bars, [f"{ratio:,.2g}" if ratio < 10 else f"{ratio:,.0f}" for ratio in ratios], fontsize=7)
    axes.set_xticks(np.arange(len(peers)), list(peers))
    axes.set_yscale("log")
    axes.axhline(1, color="black", lw=0.8)
    axes.legend()
    for k, (problem, found) in enumerate(peers.items()):
        ratio, error = found["losses"]["ratio"], found["losses"]["error"]
        if len(ratio) > 1:
            style = {"marker": "osD^v"[k], "color": _COLOURS(k / 4.5), "capsize": 2, "ms": 4}
            losses.errorbar(found["losses"]["density"], ratio, error, label=problem, **style)
    losses.axhline(1, color="black", lw=0.8)
    losses.set_xscale("log")
    losses.invert_xaxis()
    losses.legend()


def _draw_scaling(axes, scaling) -> None:
    axes.set(xlabel="number", ylabel="seconds a model-step / least", title="Scaling (log-log slope)", xscale="log", yscale="log")
    for k, (name, curve) in enumerate((scaling or {}).items()):
        seconds = np.array(curve["seconds_a_step"])
        style = {"marker": "osD^vP"[k], "color": _COLOURS(k / 5.5), "ms": 4}
        axes.plot(curve["values"], seconds / seconds.min(), label=f"{name} ({curve['slope']:+.2f})", **style)
    if scaling:
        axes.legend(fontsize=8)


def _draw_parts(axes, limit) -> None:
    axes.set(xlabel="share of the threads' time", title="Where a step's time goes")
    if not limit:
        return
    names, left = list(limit["steps"]), np.zeros(len(limit["steps"]))
    shades = ("", "//", "..", "xx", "\\\\", "--", "oo")
    for k, part in enumerate(next(iter(limit["steps"].values()))["parts"]):
        shares = np.array([found["parts"][part] for found in limit["steps"].values()])
        axes.barh(names, shares, left=left, label=part, color=_COLOURS(k / 6.5), hatch=shades[k], edgecolor="white", lw=0.3)
        left += shares
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
