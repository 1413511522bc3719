"""Sparse autoencoders of hidden activations: recovery of the features, and the number of features by their count."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax.experiments import along, layout
from superposition_jax.experiments.autoencoder.table import SHOWN
from superposition_jax.results import select

_ROWS = {
    "sae_features_found": "mean greatest cosine\nof features with latents",
    "sae_latents_true": "mean greatest cosine\nof latents with features",
    "sae_matched": "mean cosine,\nmatched one to one",
    "sae_explained": "explained variance",
    "sae_latents": "living, distinct latents",
}


def dictionary(dataset: xr.Dataset) -> Figure:
    """Recovery against the number of latents, a column for each value of the longest axis: means, standard errors over seeds."""
    seed, sizes, means = select.seed_dim(dataset), dataset["dictionary"].values, dataset.mean("sae_seed")
    columns, fixed_at = along.columns(means, None)
    figure, grid = layout.panels(len(_ROWS), len(columns), (1.5, 1.35), gap=(0.15, (0.18,)), margin=(0.95, 1.9, 0.55, 0.65))
    for column, (title, cell) in enumerate(columns):
        for axes, (name, words) in zip(grid[:, column], _ROWS.items(), strict=True):
            for kind, style in _styles(dataset):
                along.draw_means(axes, sizes, cell[name].sel(sae=kind), seed, label=kind, **style)
                if name == "sae_features_found":
                    chance = cell["sae_chance"].sel(sae=kind)
                    along.draw_means(axes, sizes, chance, seed, color=style["color"], ls=":", lw=1)
            if name == "sae_features_found":
                axes.plot([], [], color="0.5", ls=":", lw=1, label="chance, with as\nmany living latents")
            low, high = layout.extent(means[name] if seed is None else means[name].mean(seed))
            if name == "sae_latents":
                axes.axhline(cell["represented"].mean().item(), color="black", ls="--", lw=1, label="true number")
                layout.set_log(axes.yaxis, np.array([low, high]))
            y_limits = (0.8, 1.2 * high) if name == "sae_latents" else (min(0.3, low), 1.02)
            axes.set(xscale="log", xlim=(sizes.min() / 1.11, 1.11 * sizes.max()), ylim=y_limits)
            axes.minorticks_off()
            axes.set_xticks(sizes, [f"{value:g}" for value in sizes])
            axes.tick_params(labelsize=8)
            axes.set_ylabel(words, fontsize=8)
            axes.set_xlabel("latents / feature, D/n", fontsize=8)
        grid[0, column].set_title(title, fontsize=9)
    layout.share_labels(grid)
    layout.legend(figure)
    seeds = f"{layout.seeds_note(dataset)} of models × {dataset.sizes['sae_seed']} of autoencoders"
    return layout.set_title(figure, dataset, f"mean and standard error, {seeds}{fixed_at}", size=10)


def dictionary_count(dataset: xr.Dataset) -> Figure:
    """Estimated against true number of represented features for every model, a panel for each kind of autoencoder of D = 2n."""
    means = dataset.sel(dictionary=SHOWN).mean("sae_seed")
    columns, fixed_at = along.columns(means, None)
    figure, grid = layout.panels(1, dataset.sizes["sae"], (1.4, 1.4), gap=(0.12, (0.0,)), margin=(0.65, 1.5, 0.6, 0.7))
    right, estimated = (1.1 * layout.extent(means[name])[1] for name in ("represented", "sae_latents"))
    most = max(right, estimated)
    for axes, kind in zip(grid[0], dataset["sae"].values, strict=True):
        for number, (label, cell) in enumerate(columns):
            estimate = cell["sae_latents"].sel(sae=kind).values.ravel()
            look = {"color": layout.colour(number, len(columns)), "ms": 4, "alpha": 0.8, "label": label}
            axes.plot(cell["represented"].values.ravel(), estimate, layout.marker(number), **look)
        axes.plot([0, most], [0, most], color="black", lw=1, ls="--", label="equal")
        axes.set(xlim=(0, right), ylim=(0, most))
        axes.set_title(kind, fontsize=9)
        axes.tick_params(labelsize=8)
        axes.set_xlabel("represented", fontsize=9)
        axes.set_ylabel("living, distinct latents", fontsize=9)
    layout.share_labels(grid)
    layout.legend(figure)
    note = f"number of features by autoencoders of D = {SHOWN:g}n against the true one, every model{fixed_at}"
    return layout.set_title(figure, dataset, note, size=10)


def _styles(dataset: xr.Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every kind of sparse autoencoder and its style: ℓ₁ in blue, TopK in orange, in the order of `KINDS` ever darker."""
    kinds = [str(kind) for kind in dataset["sae"].values]
    for first, colours, look in (("ℓ", "Blues", {"marker": "o", "ls": "-"}), ("t", "Oranges", {"marker": "^", "ls": "--"})):
        alike = [kind for kind in kinds if kind.startswith(first)]
        for number, kind in enumerate(alike):
            shade = 0.4 + 0.55 * number / max(1, len(alike) - 1)
            yield kind, {"color": mpl.colormaps[colours](shade), "lw": 1, "ms": 3, **look}
