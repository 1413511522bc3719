"""Solids that features form: their shares along the sweep, and a drawing of each kind."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D  # noqa: F401  registers the 3-D projection

from superposition_jax.experiments import components, layout
from superposition_jax.results import labels, select

_DRAWN, _COLUMNS = 8, 4
_SKIPPED = ("single", "digon", "other")
_HATCHES = ("", "//", "..", "\\\\", "xx", "--", "oo")


def solids(dataset: xr.Dataset) -> Figure:
    """Left: represented features by the solid that they are in, mean over seeds. Right: the largest components, a kind each, in
    their own first three principal directions; lines join features with |Ŵ_i·Ŵ_j| > 0.2. Elhage et al. 2022, "The Geometry of
    Superposition"."""
    figure, ((axes,),) = layout.panels(1, 1, (5.0, 4.2), gap=(0, (0,)), margin=(0.75, 9.6, 0.6, 0.6))
    _shares(axes, dataset)
    width, height = figure.get_size_inches()
    for number, (kind, here, model, members) in enumerate(_largest(dataset)):
        row, column = divmod(number, _COLUMNS)
        box = ((8.0 + 1.85 * column) / width, (2.5 - 2.2 * row) / height, 1.7 / width, 1.7 / height)
        panel = figure.add_axes(box, projection="3d")
        _draw(panel, select.directions(model).fillna(0.0).values[:, members])
        where = ", ".join(labels.label(dataset, d, k) for d, k in here.items() if d != select.seed_dim(dataset))
        panel.set_title(f"{kind}\n{where}", fontsize=7, y=0.98)
    n, m = dataset.sizes["feature"], dataset.sizes["hidden"]
    figure.suptitle(f"{dataset.attrs.get('name', '')}: solids, n = {n}, m = {m}, {layout.seeds_note(dataset)}", fontsize=11)
    return figure


def _shares(axes, dataset: xr.Dataset) -> None:
    """Stacked bars of features by kind of solid, one a cell."""
    seed = select.seed_dim(dataset)
    counts = dataset["solid_features"] if seed is None else dataset["solid_features"].mean(seed)
    cells = list(select.cells(dataset))
    bottom, names = np.zeros(len(cells)), [str(name) for name in dataset["solid"].values]
    for number, name in enumerate(names):
        values = np.array([float(counts.isel(here).sel(solid=name)) for here, _ in cells])
        if values.any():
            colour = mpl.colormaps["cividis"](0.95 * number / max(1, len(names) - 1))
            hatch = _HATCHES[number % len(_HATCHES)]
            style = {"color": colour, "hatch": hatch, "edgecolor": "white", "lw": 0.5}
            axes.bar(np.arange(len(cells)), values, 0.85, bottom, label=name, **style)
        bottom += values
    dims = select.cell_dims(dataset)
    words = [labels.label(dataset, d, k).split("= ")[-1] for here, _ in cells for d, k in list(here.items())[:1]]
    axes.set_xticks(np.arange(len(cells)), words or [""])
    axes.tick_params(axis="x", labelsize=8)
    axes.set(xlabel=labels.label(dataset, dims[0]) if dims else "", ylabel="represented features, mean over seeds")
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _largest(dataset: xr.Dataset) -> Iterator[tuple[str, dict[str, int], xr.Dataset, np.ndarray]]:
    """Of every kind of solid of two or more dimensions: the cell and model where most features are in it, and one component."""
    sweep, counts = dataset["status"], dataset["solid_features"].fillna(0)
    there = (str(name) for name in dataset["solid"].values if counts.sel(solid=name).any())  # a part of a sweep may have fewer
    for kind in [name for name in there if name not in _SKIPPED][:_DRAWN]:
        features = counts.sel(solid=kind).transpose(*sweep.dims).values
        here = dict(zip(map(str, sweep.dims), map(int, np.unravel_index(features.argmax(), features.shape)), strict=True))
        model = dataset.isel(here)
        found = zip(*(model[f"component_{what}"].values.tolist() for what in ("features", "points", "dimension")), strict=True)
        first = next(i for i, row in enumerate(found) if row[0] > 0 and components.name(*map(int, row)) == kind)
        yield kind, here, model, np.flatnonzero(model["component"] == model["component"][first])


def _draw(axes, w: np.ndarray) -> None:
    """Columns of w as points, joined where they interfere, in their first three principal directions."""
    unit = w / np.linalg.norm(w, axis=0)
    place = np.linalg.svd(w)[0].T[:3] @ w
    place = np.pad(place, ((0, 3 - len(place)), (0, 0)))
    for i, j in zip(*np.nonzero(np.triu(np.abs(unit.T @ unit) > components.EDGE, 1)), strict=True):
        style = "-" if unit[:, i] @ unit[:, j] > 0 else ":"
        axes.plot(*place[:, [i, j]], style, color="0.45", lw=0.8)
    axes.scatter(*place, s=22, color="#123a7a", depthshade=False)
    axes.scatter(0, 0, 0, s=8, color="#c06000", marker="x")
    reach = 1.05 * np.abs(place).max()
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach), xticks=[], yticks=[], zticks=[])
    if np.abs(place[2]).max() < 0.3 * reach:
        axes.view_init(elev=80, azim=-90)
