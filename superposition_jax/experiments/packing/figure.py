"""Almost orthogonal vectors: how many there are in R^m, and the coherence of trained features beside other vectors'."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.packing import MOST
from superposition_jax.results import select
from superposition_jax.theory import bounds

_OPTIMISED, _BOUND, _RANDOM, _TRAINED = "#123a7a", "black", "0.45", "#c06000"
_TOP = 2000


def packing(dataset: xr.Dataset) -> Figure:
    """The most vectors found with |cos| ≤ ε against m, a panel for each ε, with bounds and random vectors."""
    counts = dataset["packing_vectors"]
    m, epsilons = (counts[name].values for name in ("packing_m", "packing_epsilon"))
    figure, grid = layout.panels(1, len(epsilons), (2.3, 2.8), gap=(0.2, (0.0,)), margin=(0.8, 2.9, 0.6, 0.8))
    fine = np.unique(np.round(np.geomspace(m.min(), m.max(), 60)).astype(int))
    for axes, epsilon in zip(grid[0], epsilons, strict=True):
        size = counts.sel(packing_epsilon=epsilon).values
        most = np.array([bounds.most_vectors(k, epsilon, 2 * _TOP) for k in fine])
        axes.plot(fine, most, "-", color=_BOUND, lw=1, label="at most (Welch, Levenshtein)")
        axes.plot(m, size, "o", ms=5, color=_OPTIMISED, label="optimised")
        capped = size >= MOST
        axes.plot(m[capped], 1.4 * size[capped], "^", ms=5, color=_OPTIMISED, mfc="none", label="…or more (not tried)")
        axes.plot(fine, bounds.random_vectors(fine, epsilon), "--", color=_RANDOM, label="random directions (half of draws)")
        axes.plot(fine, bounds.johnson_lindenstrauss(fine, epsilon), ":", color=_RANDOM, label="Johnson–Lindenstrauss exp(mε²/4)")
        axes.plot(fine, fine, "-", color="0.8", lw=0.8, label="N = m", zorder=0)
        lines = [(k, count) for k, (count, angle) in bounds.EQUIANGULAR.items() if abs(angle - epsilon) < 1e-9]
        look: dict[str, Any] = {"ms": 11, "mfc": "none", "color": _TRAINED, "label": "greatest number of equiangular lines"}
        axes.plot(*np.reshape(lines, (-1, 2)).T, "*", **look)
        layout.set_log(axes.xaxis, m)
        layout.set_log(axes.yaxis, np.array([1, _TOP]))
        axes.set(xlabel="dimensions m", ylabel="unit vectors N", ylim=(1, _TOP), title=f"|cos| ≤ {epsilon:.3g}")
    layout.share_labels(grid)
    layout.legend(figure)
    return layout.set_title(figure, dataset, "unit vectors in R^m that are almost orthogonal")


def coherence(dataset: xr.Dataset) -> Figure:
    """Greatest and root mean square |cos| of represented features along the first axis, beside those of as many other vectors."""
    across, seed = next(iter(select.cell_dims(dataset)), None), select.seed_dim(dataset)
    dataset, fixed_at = along.at_first(dataset, across), along.fixed(dataset, across)
    figure, ((axes,),) = layout.panels(1, 1, (4.6, 3.2), margin=(0.75, 2.9, 0.6, 0.5))
    x = layout.set_scale(axes, dataset, across)
    random = dataset["random_coherence"].median(seed or []).transpose("packing_quantile", ...)
    low, median, high = map(np.atleast_1d, random.values)
    axes.fill_between(x, low, high, color="0.88", label="random directions, 95 %")
    axes.plot(x, median, "--", color=_RANDOM, label="…median")
    for name, style, colour, label in (
        ("represented_coherence", "o-", _TRAINED, "trained: greatest |cos|"),
        ("packed_coherence", "s-", _OPTIMISED, "optimised: greatest |cos|"),
        ("bound_coherence", "-", _BOUND, "bound on the greatest |cos|"),
        ("represented_rms", "D:", _TRAINED, "trained: root mean square"),
    ):
        look: dict[str, Any] = {"ms": 4, "color": colour, "label": label, "mfc": "none" if ":" in style else colour}
        along.draw_range(axes, x, dataset[name], seed, style, **look)
    axes.set(ylabel="|Ŵᵢ·Ŵⱼ| over represented features", ylim=(0, 1.02))
    axes.xaxis.set_minor_locator(NullLocator())
    layout.legend(figure)
    return layout.set_title(figure, dataset, f"median and range of {layout.seeds_note(dataset)}{fixed_at}")
