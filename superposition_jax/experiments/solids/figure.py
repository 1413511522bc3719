"""Solids that features form: their shares along the sweep, and a drawing of each kind."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import components, layout
from superposition_jax.results import labels, select

_DRAWN, _COLUMNS = 8, 4
"""The most kinds of solids that are drawn, and how many of them side by side."""
_SKIPPED = ("single", "digon", "other")
"""Kinds that are not drawn, because they have one dimension or no shape."""
_HATCHES = ("", "//", "..", "\\\\", "xx", "--", "oo")


def solids(dataset: xr.Dataset) -> Figure:
    """Left: represented features by the solid that they are in, mean over seeds. Right: one solid of each kind, in its first
    three principal directions; lines join features with |Ŵ_i·Ŵ_j| > 0.2. Elhage et al. 2022, "The Geometry of Superposition"."""
    figure, ((axes,),) = layout.panels(1, 1, (5.0, 4.2), margin=(0.75, 9.6, 0.6, 0.6))
    _shares(axes, dataset)
    width, height = figure.get_size_inches()
    for number, (kind, place, model, members) in enumerate(_examples(dataset)):
        row, column = divmod(number, _COLUMNS)
        box = ((8.0 + 1.85 * column) / width, (2.5 - 2.2 * row) / height, 1.7 / width, 1.7 / height)
        panel = figure.add_axes(box, projection="3d")
        _draw(panel, select.directions(model).fillna(0.0).values[:, members])
        panel.set_title(f"{kind}\n{labels.place(dataset, place)}", fontsize=7, y=0.98)
    n, m = layout.sizes(dataset)
    return layout.set_title(figure, dataset, f"solids, n = {n}, m = {m}, {layout.seeds_note(dataset)}")


def _shares(axes, dataset: xr.Dataset) -> None:
    """A bar for each cell, features stacked by kind of solid."""
    counts, places = dataset["solid_features"].mean(select.seed_dim(dataset) or []), [place for place, _ in select.cells(dataset)]
    columns = counts.fillna(0.0).transpose("solid", *select.cell_dims(dataset)).values.reshape(counts.sizes["solid"], -1)
    for number, (name, values) in enumerate(zip(dataset["solid"].values, columns, strict=True)):
        if values.any():
            look = {"color": layout.colour(number, len(columns)), "hatch": _HATCHES[number % len(_HATCHES)]}
            bottom = columns[:number].sum(axis=0)
            axes.bar(range(len(places)), values, 0.85, bottom, label=name, edgecolor="white", lw=0.5, **look)
    layout.set_cells(axes, dataset, places)
    axes.set_ylabel("represented features, mean over seeds")
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _examples(dataset: xr.Dataset) -> Iterator[tuple[str, dict[str, int], xr.Dataset, np.ndarray]]:
    """Kinds of solids in two or more dimensions, each with the cell's place and the model that have most features in it, and the
    features of one of the model's components of this kind."""
    dims, counts = dataset["status"].dims, dataset["solid_features"].fillna(0)
    names = (str(name) for name in dataset["solid"].values if counts.sel(solid=name).any())  # a selection may have fewer kinds
    for kind in [name for name in names if name not in _SKIPPED][:_DRAWN]:
        features = counts.sel(solid=kind).transpose(*dims).values
        indices = dict(zip(map(str, dims), map(int, np.unravel_index(features.argmax(), features.shape)), strict=True))
        model, place = dataset.isel(indices), {dim: indices[dim] for dim in select.cell_dims(dataset)}
        rows = zip(*(model[name].values.tolist() for name in components.VARIABLES[1:]), strict=True)
        member = next(i for i, row in enumerate(rows) if row[0] > 0 and components.name(*map(int, row)) == kind)
        yield kind, place, model, np.flatnonzero(model["component"] == model["component"][member])


def _draw(axes, w: np.ndarray) -> None:
    """Columns of w as points, joined where they interfere, in their first three principal directions."""
    unit = w / np.linalg.norm(w, axis=0)
    points = layout.in_space(w, turn=True)
    for i, j in zip(*np.nonzero(np.triu(np.abs(unit.T @ unit) > components.EDGE, 1)), strict=True):
        style = "-" if unit[:, i] @ unit[:, j] > 0 else ":"
        axes.plot(*points[:, [i, j]], style, color="0.45", lw=0.8)
    axes.scatter(*points, s=22, color="#123a7a", depthshade=False)
    axes.scatter(0, 0, 0, s=8, color="#c06000", marker="x")
    reach = 1.05 * np.abs(points).max()
    layout.set_cube(axes, reach)
    if np.abs(points[2]).max() < 0.3 * reach:
        axes.view_init(elev=80, azim=-90)
