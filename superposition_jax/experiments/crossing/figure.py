"""One of five features perturbed: the losses of two kinds of solutions, which cross, and the directions of the best ones."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.linalg import orthogonal_procrustes

from superposition_jax.experiments import layout
from superposition_jax.results import labels, select


def aligned(w: np.ndarray) -> np.ndarray:
    """The matrices w (place, hidden, feature), each turned or reflected to lie nearest to the one before (orthogonal Procrustes).

    All features but the first are alike, so they are also put in the order that brings them nearest.
    """
    matrices, orders = [w[0]], [[0, *order] for order in itertools.permutations(range(1, w.shape[2]))]
    for matrix in w[1:]:
        ordered = [matrix[:, order] for order in orders]
        turned = [orthogonal_procrustes(columns.T, matrices[-1].T)[0].T @ columns for columns in ordered]
        matrices.append(min(turned, key=lambda candidate: np.linalg.norm(candidate - matrices[-1])))
    return np.array(matrices)


def crossing(dataset: xr.Dataset) -> Figure:
    """Left: the best losses of two digons and of other solutions along the sweep's axis, relative to the best of all, and where
    they cross. Right: the best seeds' W_i, aligned; the colour is the place on the axis, the marker the feature."""
    dim = select.cell_dims(dataset)[0]
    dataset = dataset.dropna(dim, how="all", subset=["loss"])
    x, is_density = labels.values(dataset, dim).values, "data.density.0" in select.paths(dataset, dim)
    words = "density of the first feature" if is_density else labels.label(dataset, dim)
    figure, ((left, right),) = layout.panels(1, 2, (4.2, 3.4), gap=(1.3, (0.0,)), margin=(0.85, 1.4, 0.6, 0.55))
    loss, digons, seeds = dataset["loss"], dataset["digons"] == 1, select.seed_dim(dataset) or []
    for chosen, name, style, colour in ((digons, "two digons", "o-", "#123a7a"), (~digons, "other (pentagon)", "s--", "#c06000")):
        above = 100 * (loss.where(chosen).min(seeds) / loss.min(seeds) - 1)
        left.plot(x, above, style, ms=3, label=f"best {name}", color=colour)
    place, error = float(dataset["crossing"]), float(dataset["crossing_error"])
    if np.isfinite(place):
        left.axvspan(place - error, place + error, color="0.7", label=f"crossing {place:.4g} ± {error:.1g}")
    layout.set_log(left.xaxis, x)
    left.set(xlabel=words, ylabel="% above the best seed")
    left.legend(fontsize=8, frameon=False)
    norm = LogNorm(x.min(), x.max())
    w = select.directions(select.best_seed(dataset)).transpose(dim, "hidden", "feature").fillna(0.0).values
    for number, matrix in enumerate(aligned(w)):
        for i, column in enumerate(matrix.T):
            look = {"color": layout.COLOURS(norm(x[number])), "label": str(i) if number == 0 else None}
            right.plot(*column[:2, None], layout.marker(i), ms=4, **look)
    right.set(xlabel="first hidden dimension", ylabel="second hidden dimension", aspect="equal")
    right.legend(title="feature", fontsize=8, frameon=False, loc="center")
    layout.colour_bar(figure, right, layout.COLOURS, norm, words, "neither")
    return layout.set_title(figure, dataset, f"best of {layout.seeds_note(dataset)}", size=10)
