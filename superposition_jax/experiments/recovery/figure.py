"""Error of recovery against density: a row for each kind of W, a column for each value of another axis, a line per decoder."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.results import labels, select
from superposition_jax.theory import bounds

_STYLES = {
    "linear": ("s--", "0.45", 3, "best linear"),
    "pursuit": ("^-", "#56a0d3", 4, "orthogonal matching pursuit"),
    "l1": ("D-", "#123a7a", 3, "ℓ₁ minimisation"),
    "relu": ("o:", "#c06000", 7, "ReLU layer"),
}
_ROWS = {"trained": "W trained", "random": "W Gaussian", "packed": "W optimised packing"}


def recovery(dataset: xr.Dataset) -> Figure:
    """Mean and standard error over seeds of E‖x − x'‖²/Σ Var x_i, with the densities up to which theory promises recovery."""
    across, _ = select.axis(dataset, "data.density")
    density, seed = labels.values(dataset, across).values, select.seed_dim(dataset)
    columns, more = layout.first([*along.lines(dataset, across)], 4)
    figure, grid = layout.panels(len(_ROWS), len(columns), (2.5, 1.9), gap=(0.2, (0.2,)), margin=(1.1, 2.9, 0.6, 0.8))
    for column, (name, place, _) in enumerate(columns):
        errors = dataset["recovery_error"].isel(place)
        ratio = int(select.leaf(dataset, "model.n_hidden", place)) / int(select.leaf(dataset, "model.n_features", place))
        for axes, (kind, words) in zip(grid[:, column], _ROWS.items(), strict=True):
            for decoder, (style, colour, size, label) in _STYLES.items():
                values = errors.sel(recovery_matrix=kind, recovery_decoder=decoder)
                look = {"fmt": style, "color": colour, "ms": size, "lw": 1.2, "mfc": "none", "label": label}
                along.draw_means(axes, density, values, seed, **look)
            axes.axvline(bounds.l1_density(ratio), color="#123a7a", lw=1, ls=":", label="ℓ₁ threshold, n → ∞")
            axes.axvline(bounds.sensed_density(ratio), color="black", lw=1, ls="-.", label="m = −n(1−S) log(1−S)")
            layout.set_log(axes.xaxis, np.array([density.min() / 10, density.max()]))
            layout.set_log(axes.yaxis, np.array([1e-6, 3.0]))
            axes.set(ylim=(1e-6, 3), xlim=(density.max() * 1.2, density.min() / 1.2))
            axes.set(xlabel="density 1 − S", ylabel=f"{words}\nerror / Σ Var x")
        grid[0, column].set_title(f"{name + ', ' if name else ''}m/n = {ratio:.3g}", fontsize=10)
    layout.share_labels(grid)
    layout.legend(figure)
    fixed_at = along.fixed(dataset, across, along.longest(dataset, across))
    note = f"error of recovery / Σ Var x, mean and standard error of {layout.seeds_note(dataset)}{fixed_at}{more}"
    return layout.set_title(figure, dataset, note)
