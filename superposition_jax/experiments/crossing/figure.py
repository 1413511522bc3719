"""One of five features perturbed: the losses of two kinds of solutions, which cross, and the directions of the best ones."""

import itertools

import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.linalg import orthogonal_procrustes

from superposition_jax.experiments import layout
from superposition_jax.experiments.crossing import DEAD, DIGONS, PENTAGON
from superposition_jax.experiments.crossing.table import with_error
from superposition_jax.results import labels, select

_BLUE, _ORANGE = "#123a7a", "#c06000"


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
    """Left: the best losses of two digons and of other solutions along the sweep's axis, relative to the best of all, the optima
    of both, and where they cross. Right: the best seeds' W_i, aligned; the colour is the place on the axis.
    """
    dim = select.cell_dims(dataset)[0]
    dataset = dataset.dropna(dim, how="all", subset=["loss"])
    x, is_density = labels.values(dataset, dim).values, "data.density.0" in select.paths(dataset, dim)
    words = "density of the first feature" if is_density else labels.label(dataset, dim)
    figure, ((left, right),) = layout.panels(1, 2, (4.2, 3.4), gap=(1.3, (0.0,)), margin=(0.85, 1.4, 0.6, 0.55))
    loss, digons, seeds = dataset["loss"], dataset["digons"] == 1, select.seed_dim(dataset) or []
    greatest = 0.0
    for chosen, name, style, colour in ((digons, DIGONS, "o", _BLUE), (~digons, "other (pentagon)", "s", _ORANGE)):
        above = 100 * (loss.where(chosen).min(seeds) / loss.min(seeds) - 1)
        left.plot(x, above, style, ms=3, label=f"best {name}", color=colour)
        greatest = max(greatest, float(above.max()))
    if "solution_loss" in dataset:
        for name, style, colour in ((DIGONS, "-", _BLUE), (DEAD, ":", _BLUE), (PENTAGON, "--", _ORANGE)):
            above = 100 * (dataset["solution_loss"].sel(solution=name) / loss.min(seeds) - 1)
            left.plot(x, above.where(above <= 1.05 * greatest), style, lw=1, label=f"optimum: {name}", color=colour)
    names = [name for name in ("crossing", "crossing_optimised") if np.isfinite(dataset.get(name, np.nan))]
    for name in names:
        left.axvspan(*(float(dataset[name]) + np.array([-1, 1]) * float(dataset[f"{name}_error"])), ymax=0.7, color="0.7")
    layout.set_log(left.xaxis, x)
    left.set(xlabel=words, ylabel="% above the best seed", ylim=(-0.05 * greatest, 1.45 * greatest) if greatest > 0 else None)
    left.legend(fontsize=7.5, frameon=False, ncols=2, loc="upper left", columnspacing=1)
    norm = LogNorm(x.min(), x.max())
    w = select.directions(select.best_seed(dataset)).transpose(dim, "hidden", "feature").fillna(0.0).values
    for number, matrix in enumerate(aligned(w)):
        for i, column in enumerate(matrix.T):
            look = {"color": layout.COLOURS(norm(x[number])), "label": str(i) if number == 0 else None}
            right.plot(*column[:2, None], layout.marker(i), ms=4, **look)
    right.set(xlabel="first hidden dimension", ylabel="second hidden dimension", aspect="equal")
    right.legend(title="feature", fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(0.55, 0.5))
    layout.colour_bar(figure, right, layout.COLOURS, norm, words, "neither")
    places = {"crossing": f"best of {layout.seeds_note(dataset)}", "crossing_optimised": "optima"}
    change = ", ".join(f"{with_error(dataset, name)} ({places[name]})" for name in names)
    where = f"a {words} of" if is_density else f"{words} ="
    finding = f"two digons up to {where} {change}, then a pentagon" if names else f"best of {layout.seeds_note(dataset)}"
    return layout.set_title(figure, dataset, finding, size=10)
