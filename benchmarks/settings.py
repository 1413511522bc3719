"""The problems that are measured, by name."""

from typing import NamedTuple

import numpy as np

SEVEN = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""The paper's densities 1 − S."""


class Problem(NamedTuple):
    """Models to train: every density (or every cell of a grid of densities and last importances) with some seeds."""

    n: int
    m: int
    decay: float
    densities: tuple[float, ...]
    seeds: int
    extra_importances: tuple[float, ...] = ()
    """Importance of the last feature, the others being 1, on a grid with the densities. If empty, importances are decay^i."""
    init: str = "xavier"
    """Initial weights of the published recipe: textbook Xavier for each model, or the scale of the paper's notebook."""
    fast: str = "fast"
    """The recipe that stands for `train=fast`."""

    @property
    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """Density (cell,) and importance (cell, feature) of every cell, densities slowest."""
        if not self.extra_importances:
            density = np.array(self.densities)
            return density, np.broadcast_to(self.decay ** np.arange(self.n), (len(density), self.n))
        density, last = (grid.ravel() for grid in np.meshgrid(self.densities, self.extra_importances, indexing="ij"))
        importance = np.ones((len(density), self.n))
        importance[:, -1] = last
        return density, importance

    @property
    def models(self) -> int:
        """Cells times seeds."""
        return len(self.cells[0]) * self.seeds

    def overrides(self, recipe: str) -> list[str]:
        """The config of the engine for these models, with `train=fast` or `train=paper`."""
        density, importance = self.densities, self.extra_importances
        init = () if recipe == "fast" else (f"model.init.kind={self.init}",)
        init += (f"model.init.models={self.models}",) if "model.init.kind=notebook" in init else ()
        axes = [f"+sweep.axes.density={{path: data.density, values: {_list(density)}}}"]
        if importance:
            axes.append(f"+sweep.axes.importance={{path: data.importance.list.{self.n - 1}, values: {_list(importance)}}}")
        return [
            f"model.n_features={self.n}",
            f"model.n_hidden={self.m}",
            f"data.importance.list={_list([1.0] * self.n)}" if importance else f"data.importance.decay={self.decay}",
            *axes,
            f"+sweep.axes.seed={{path: seed, range: {self.seeds}}}",
            f"train={self.fast if recipe == 'fast' else recipe}",
            *init,
        ]


def _list(values) -> str:
    return "[" + ", ".join(repr(float(value)) for value in values) + "]"


def _log(start: float, stop: float, count: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.geomspace(start, stop, count))


TWELVE = tuple(sorted((*_log(1, 0.1, 8), 0.7, 0.6, 0.45, 0.35), reverse=True))
"""Eight densities 1 − S from 1 to 0.1, and four between which solids change at n=400."""

PROBLEMS = {
    "n=5, m=2": Problem(5, 2, 0.9, SEVEN, 16),
    "n=20, m=5": Problem(20, 5, 0.7, SEVEN, 16),
    "n=80, m=20": Problem(80, 20, 0.9, SEVEN, 16),
    "n=400, m=30": Problem(400, 30, 1.0, TWELVE, 4, init="notebook"),
    "n=2, m=1": Problem(2, 1, 1.0, _log(1, 0.01, 20), 1, _log(0.1, 10, 20), fast="exact"),
}

FAST = PROBLEMS | {
    "n=2, m=1": PROBLEMS["n=2, m=1"]._replace(densities=_log(1, 0.01, 50), seeds=10, extra_importances=_log(0.1, 10, 50))
}
"""Problems on which `train=fast` is timed: the same, but the whole diagram of 50×50 cells × 10 seeds at n=2."""

DIAGRAMS = {
    "`experiment=phase_n2m1`": ("experiment=phase_n2m1",),
    "`experiment=phase_n3m2`": ("experiment=phase_n3m2",),
    "`experiment=phase_law`": ("experiment=phase_law",),
    "`experiment=phase_n2m1 sweep.axes.importance.num=1000 sweep.axes.density.num=100`": (
        "experiment=phase_n2m1",
        "sweep.axes.importance.num=1000",
        "sweep.axes.density.num=100",
    ),
}
"""Whole commands that are timed from start to end."""

_MORE_SEEDS = {"n=5, m=2": 256, "n=20, m=5": 256, "n=80, m=20": 32, "n=2, m=1": 10}
"""More seeds, for smaller errors of median final losses."""

LOSSES = PROBLEMS | {name: PROBLEMS[name]._replace(seeds=seeds) for name, seeds in _MORE_SEEDS.items()}
"""Problems on which final losses are compared: the same, with more seeds."""
