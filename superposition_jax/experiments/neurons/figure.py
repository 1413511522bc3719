"""Neurons of the hidden layer: what each of them speaks for, and how many speak for one feature or several."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from superposition_jax.experiments import layout
from superposition_jax.experiments.neurons import SPEAKS
from superposition_jax.results import labels, select

_MOST_ROWS = 7
_MOST, _LABELLED = 8, 12
"""Features per neuron from which the colour stays the same; neurons up to which bars are labelled."""
_COLOURS = mpl.colormaps["cividis"]
_COUNTS = BoundaryNorm(np.arange(0.5, _MOST + 1.5), _COLOURS.N)


def neurons(dataset: xr.Dataset) -> Figure:
    """Left: a bar a neuron of each cell's best seed, stacked by feature, coloured by the number of features. Right: how many are
    monosemantic, polysemantic and silent, over seeds. Elhage et al. 2022, "Superposition in a Privileged Basis"."""
    dims = select.cell_dims(dataset)
    held = layout.fixed(dataset, dims[0]) if dims else ""
    dataset = dataset.isel(dict.fromkeys(dims[1:], 0), drop=True)
    cells = list(select.cells(dataset))
    held += f"; {len(cells) - _MOST_ROWS} more not shown" if len(cells) > _MOST_ROWS else ""
    cells = cells[:_MOST_ROWS]
    best, m = select.best_seed(dataset), dataset.sizes["hidden"]
    width = float(np.clip(0.28 * m, 4.0, 9.0))
    size = (width, max(1.0, 3.2 / len(cells)))
    figure, grid = layout.panels(len(cells), 1, size, gap=(0, (0.45,)), margin=(0.75, 4.4, 0.55, 0.9))
    for axes, (here, _) in zip(grid[:, 0], cells, strict=True):
        model = best.isel(here)
        _bars(axes, model)
        where = ", ".join(labels.label(dataset, dim, k) for dim, k in here.items() if dim in dataset.coords)
        axes.set_title(f"{where}{', ' if where else ''}loss {float(model['loss']):.3g}", fontsize=8, loc="left", pad=3)
    few = "; in the bars: feature i" if m <= _LABELLED else ""
    grid[-1, 0].set_xlabel(f"neuron k, by its strongest feature{few}")
    grid[len(cells) // 2, 0].set_ylabel("contribution to xᵢ′")
    _colours(figure)
    _trend(figure, dataset, [here for here, _ in cells])
    figure.suptitle(
        f"{dataset.attrs.get('name', '')}: n = {dataset.sizes['feature']}, m = {m}; "
        f"best of {layout.seeds_note(dataset)} (left), all of them (right){held}",
        fontsize=11,
    )
    return figure


def _bars(axes, model: xr.Dataset) -> None:
    through = model["contribution"].transpose("hidden", "feature").dropna("hidden", how="all").fillna(0.0).values
    spoken = [np.flatnonzero(row >= SPEAKS) for row in through]
    order = sorted(range(len(through)), key=lambda k: (len(spoken[k]) == 0, through[k].argmax(), -through[k].max()))
    for place, k in enumerate(order):
        bottom, few = 0.0, len(through) <= _LABELLED
        for i in spoken[k][np.argsort(-through[k][spoken[k]], kind="stable")]:
            colour = _COLOURS(_COUNTS(min(len(spoken[k]), _MOST)))
            axes.bar(place, through[k, i], 0.85, bottom, color=colour, edgecolor="white", linewidth=0.6)
            if few and through[k, i] > 0.25:
                ink = "white" if np.mean(colour[:3]) < 0.5 else "black"
                axes.text(place, bottom + through[k, i] / 2, str(i), ha="center", va="center", fontsize=6, color=ink)
            bottom += through[k, i]
        axes.text(place, bottom, str(len(spoken[k])), ha="center", va="bottom", fontsize=6)
    axes.set(xlim=(-0.6, len(order) - 0.4), xticks=[])
    axes.margins(y=0.25)
    axes.set_ylim(bottom=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _colours(figure: Figure) -> None:
    """Colour bar at the lower right."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((1 - 3.6 / width, 0.75 / height, 3.3 / width, 0.12 / height))
    bar = figure.colorbar(
        mpl.cm.ScalarMappable(_COUNTS, _COLOURS), cax=axes, orientation="horizontal", label="features per neuron"
    )
    bar.set_ticks([*range(1, _MOST + 1)], labels=[*map(str, range(1, _MOST)), f"≥ {_MOST}"])


def _trend(figure: Figure, dataset: xr.Dataset, cells: list[dict[str, int]]) -> None:
    """Monosemantic, polysemantic and silent neurons of every cell: median and range over seeds, and the best seed."""
    width, height = figure.get_size_inches()
    tall = float(np.clip(height - 2.9, 1.0, 2.8))
    axes = figure.add_axes((1 - 3.6 / width, (height - 0.9 - tall) / height, 3.3 / width, tall / height))
    seed, best = select.seed_dim(dataset), select.best_seed(dataset)
    kinds = {"monosemantic": lambda c: c == 1, "polysemantic": lambda c: c > 1, "silent": lambda c: c == 0}
    for number, (name, which) in enumerate(kinds.items()):
        counts = [which(dataset["features_per_neuron"].isel(here)).sum("hidden") for here in cells]
        middle, low, high = np.transpose([[np.ravel(v)[0] for v in layout.spread(count, seed)] for count in counts])
        x = np.arange(len(cells)) + 0.15 * (number - 1)
        colour = _COLOURS([0.0, 0.5, 0.85][number])
        axes.errorbar(x, middle, [middle - low, high - middle], fmt="osD"[number], ms=4, color=colour, capsize=2, label=name)
        axes.plot(x, [which(best["features_per_neuron"].isel(here)).sum() for here in cells], "x", color=colour, ms=6)
    words = [labels.label(dataset, d, k).split("= ")[-1] for here in cells for d, k in list(here.items())[:1]]
    axes.set_xticks(np.arange(len(cells)), words or [""], fontsize=8)
    dims = select.cell_dims(dataset)
    axes.set(xlabel=labels.label(dataset, dims[0]) if dims else "", ylabel="neurons", ylim=(0, None))
    axes.set_title("median and range of seeds; ×: best seed", fontsize=8)
    axes.legend(fontsize=8, frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.22), columnspacing=1)
