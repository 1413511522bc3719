"""Colours of norms and superpositions, the styles of boundaries, and the legend of both."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from superposition_jax.experiments.phase import PHASES, candidates

_ALONE, _SHARED = np.array(mpl.colors.to_rgb("#123a7a")), np.array(mpl.colors.to_rgb("#f0a030"))
"""Colours of a feature of norm 1 alone (dark) and in superposition (bright); without norm it is white."""
_TRIANGLE = np.array(mpl.colors.to_rgb("#cc4778"))
"""Colour of a triangle, in grey between those two."""
LINES = {"optimised": ("solid", "black", 0.9), "candidate": ("dashed", "#a02020", 1.1)}
"""Style, colour and width of the boundaries of the optimised and of the paper's candidates."""


def colours(norm: np.ndarray, superposition: np.ndarray, phase: np.ndarray | int = -1) -> np.ndarray:
    """RGB (…, 3) of a norm and a superposition, both from 0 to 1: grey without a norm, the triangle's own for its phase.

    A feature whose superposition is NaN is not represented, and coloured as if it had none.
    """
    shared, strength = (np.clip(values, 0.0, 1.0)[..., None] for values in (np.nan_to_num(superposition), norm))
    rgb = 1 - strength * (1 - ((1 - shared) * _ALONE + shared * _SHARED))
    return np.where(np.equal(phase, PHASES.index("triangle"))[..., None], _TRIANGLE, np.where(np.isnan(rgb), 0.85, rgb))


def draw_legend(figure: Figure, grid: np.ndarray, shown, size: tuple[int, int]) -> None:
    """The two-dimensional colour scale and the lines' legend, in the last place if it is free, else at the right; colour bars
    below their panels."""
    width, height, is_full = figure.get_figwidth(), figure.get_figheight(), len(shown[0]) == len(shown[-1])
    last = (grid[0] if is_full else grid[-1])[-1].get_position()
    left, top = (last.x1 + 0.6 / width if is_full else last.x0 + 0.45 / width), last.y1
    if not is_full:
        grid[-1][-1].remove()
    scale = figure.add_axes((left, top - 1.1 / height, 1.1 / width, 1.1 / height))
    ticks = np.linspace(0, 1, 64)
    scale.imshow(colours(*np.meshgrid(ticks, ticks, indexing="ij")), origin="lower", extent=(0, 1, 0, 1), aspect="auto")
    scale.set(xticks=[0, 1], yticks=[0, 1])
    scale.set_xlabel("its superposition", labelpad=0, fontsize=8)
    scale.set_ylabel("its norm ‖Wᵢ‖", labelpad=-3, fontsize=8)
    scale.set_title("extra feature", fontsize=9)
    for x, y, text in ((0.5, 0.08, "not represented"), (0.26, 0.8, "dedi-\ncated"), (0.76, 0.8, "super-\nposed")):
        scale.text(x, y, text, ha="center", va="center", fontsize=6.5, color="white" if text.startswith("dedi") else "black")
    if any(known and panel.boundaries for row in shown for panel, (_, known) in row):
        lines: list[Any] = [Line2D([], [], color=colour, lw=width, ls=style) for style, colour, width in LINES.values()]
        words, place = ["boundary, optimised", "boundary, paper's"], (left - 0.5 / width, top - 1.5 / height)
        if candidates.TRIANGLE in candidates.ARRANGEMENTS[size]:
            lines, words = [*lines, Rectangle((0, 0), 1, 1, color=_TRIANGLE)], [*words, "triangle: all at about 120°"]
        figure.legend(lines, words, loc="upper left", bbox_to_anchor=place, fontsize=8, frameon=False)
    bars = {}
    for axes, (panel, _) in zip(grid[-1], shown[-1], strict=False):
        if panel.bar:
            bars.setdefault(panel.title, (axes, panel.bar))
    for axes, (cmap, norm, text, extend) in bars.values():
        box = axes.get_position()
        bar = figure.add_axes((box.x0, 0.42 / height, box.width, 0.1 / height))
        figure.colorbar(mpl.cm.ScalarMappable(norm, cmap), cax=bar, orientation="horizontal", extend=extend)
        bar.set_xlabel(text, fontsize=8)
