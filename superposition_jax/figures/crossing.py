"""One feature perturbed: the losses of two kinds of solutions that cross, and the best ones' directions, aligned."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.linalg import orthogonal_procrustes

from superposition_jax import labels
from superposition_jax.figures import layout


def aligned(w: np.ndarray) -> np.ndarray:
    """W (place, hidden, feature), each turned or reflected to lie nearest to the one before (orthogonal Procrustes)."""
    found = [w[0]]
    for one in w[1:]:
        rotation, _ = orthogonal_procrustes(one.T, found[-1].T)
        found.append((one.T @ rotation).T)
    return np.array(found)


def crossing(dataset: xr.Dataset) -> Figure:
    """Left: best loss of two digons and of all other solutions over the best, against the density that varies, and where they
    cross. Right: the best seeds' W_i, aligned, coloured by that density; marks are features."""
    dim, seed = labels.cell_dims(dataset)[0], labels.seed_dim(dataset)
    x = labels.values(dataset, dim).values
    figure, ((left, right),) = layout.panels(1, 2, (4.2, 3.4), gap=(1.3, (0,)), margin=(0.85, 1.4, 0.6, 0.55))
    loss = dataset["loss"] if seed is not None else dataset["loss"].expand_dims("only_seed")
    digons = dataset["digons"].broadcast_like(loss)
    rest = [d for d in loss.dims if d != dim]
    best = loss.min(rest)
    for kind, name, style in ((digons, "two digons", "o-"), (~digons, "other (pentagon)", "s--")):
        left.plot(
            x,
            100 * (loss.where(kind).min(rest) / best - 1),
            style,
            ms=3,
            label=f"best {name}",
            color="#123a7a" if name[0] == "t" else "#c06000",
        )
    if "crossing" in dataset.attrs:
        place, error = dataset.attrs["crossing"], dataset.attrs["crossing_error"]
        left.axvspan(place - error, place + error, color="0.7", label=f"crossing {place:.3g} ± {error:.1g}")
    layout.set_log(left.xaxis, x)
    left.set(xlabel="density 1 − S of the first feature", ylabel="% above the best seed")
    left.legend(fontsize=8, frameon=False)
    w = aligned(
        labels.best_seed(dataset)["W"]
        .transpose(dim, ..., "hidden", "feature")
        .values.reshape(len(x), dataset.sizes["hidden"], -1)
    )
    colours, norm = mpl.colormaps["cividis"], LogNorm(x.min(), x.max())
    for place, value in enumerate(x):
        for i in range(w.shape[2]):
            right.plot(
                *w[place, :2, i],
                marker="osD^vP*X"[i % 8],
                ms=4,
                color=colours(norm(value)),
                ls="",
                label=str(i) if place == 0 else None,
            )
    right.plot([0], [0], "+", color="black")
    right.set(xlabel="first hidden dimension", ylabel="second hidden dimension")
    right.set_aspect("equal")
    right.legend(title="feature", fontsize=8, frameon=False, loc="center")
    layout.colour_bar(figure, right, colours, norm, "density of the first feature", "neither")
    left.set_title(f"{dataset.attrs.get('name', '')}: best of {layout.seeds_note(dataset)}", fontsize=10)
    return figure
