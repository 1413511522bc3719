"""One feature perturbed: the losses of two kinds of solutions that cross, and the best ones' directions, aligned."""

import itertools

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.linalg import orthogonal_procrustes

from superposition_jax.experiments import layout
from superposition_jax.results import labels, select


def aligned(w: np.ndarray) -> np.ndarray:
    """W (place, hidden, feature), each turned or reflected to lie nearest to the one before (orthogonal Procrustes).

    Features but the first are alike, so each is also put in the order, of all, that brings it nearest.
    """
    found, orders = [w[0]], [[0, *order] for order in itertools.permutations(range(1, w.shape[2]))]
    for one in w[1:]:
        turned = [_turned(one[:, order], found[-1]) for order in orders]
        found.append(min(turned, key=lambda candidate: np.linalg.norm(candidate - found[-1])))
    return np.array(found)


def _turned(w: np.ndarray, to: np.ndarray) -> np.ndarray:
    return orthogonal_procrustes(w.T, to.T)[0].T @ w


def crossing(dataset: xr.Dataset) -> Figure:
    """Left: best loss of two digons and of all other solutions over the best, against the density that varies, and where they
    cross. Right: the best seeds' W_i, aligned, coloured by that density; marks are features."""
    dim = select.cell_dims(dataset)[0]
    x = labels.values(dataset, dim).values
    figure, ((left, right),) = layout.panels(1, 2, (4.2, 3.4), gap=(1.3, (0,)), margin=(0.85, 1.4, 0.6, 0.55))
    _losses(left, dataset, dim, x)
    colours, norm = mpl.colormaps["cividis"], LogNorm(x.min(), x.max())
    w = select.directions(select.best_seed(dataset)).transpose(dim, ..., "hidden", "feature").values
    for w_here, value in zip(aligned(w.reshape(len(x), *w.shape[-2:])), x, strict=True):
        for i, column in enumerate(w_here.T):
            name = str(i) if value == x[0] else None
            right.plot(*column[:2, None], _MARKERS[i % len(_MARKERS)], ms=4, color=colours(norm(value)), label=name)
    right.set(xlabel="first hidden dimension", ylabel="second hidden dimension", aspect="equal")
    right.legend(title="feature", fontsize=8, frameon=False, loc="center")
    layout.colour_bar(figure, right, colours, norm, "density of the first feature", "neither")
    left.set_title(f"{dataset.attrs.get('name', '')}: best of {layout.seeds_note(dataset)}", fontsize=10)
    return figure


_MARKERS = "osD^vP*X"


def _losses(axes, dataset: xr.Dataset, dim: str, x: np.ndarray) -> None:
    loss, digons = dataset["loss"], dataset["digons"] == 1
    others = [d for d in loss.dims if d != dim]
    best = loss.min(others)
    for kind, name, style, colour in ((digons, "two digons", "o-", "#123a7a"), (~digons, "other (pentagon)", "s--", "#c06000")):
        above = 100 * (loss.where(kind).min(others) / best - 1)
        axes.plot(x, above, style, ms=3, label=f"best {name}", color=colour)
    place, error = float(dataset["crossing"]), float(dataset["crossing_error"])
    if np.isfinite(place):
        axes.axvspan(place - error, place + error, color="0.7", label=f"crossing {place:.4g} ± {error:.1g}")
    layout.set_log(axes.xaxis, x)
    axes.set(xlabel="density 1 − S of the first feature", ylabel="% above the best seed")
    axes.legend(fontsize=8, frameon=False)
