"""Which scales of initial weights find the best: in how many cells some seeds all miss it, on average over their choice.

python -m benchmarks.starts 1,2 experiment=phase_n2m1 sweep.axes.seed.range=40     one run for each scale

The best is that of all runs. Where q of all seeds of a scale miss it, ten of them miss it together with about q¹⁰, and five of
each of two scales with the geometric mean of theirs: several scales are never better in a cell than the better one of them.
"""

import itertools
import sys

import numpy as np
from scipy.special import comb

import superposition_jax
from superposition_jax.results import select

SEEDS, CLOSE = 10, 1e-3
"""Seeds that a run has in a cell, and the share by which their best loss may exceed the best known one."""


def losses(scale: float, overrides: list[str]) -> np.ndarray:
    """Final losses (cell, seed) from initial weights of one scale."""
    given = [*overrides, "tables=[]", "figures=[]", "model.init.scales=null", f"model.init.scale={scale}"]
    dataset = superposition_jax.run(given, progress=True)
    loss = dataset["loss"].fillna(np.inf).transpose(..., select.seed_dim(dataset)).values
    return loss.reshape(-1, loss.shape[-1])


def missed(by_scale: dict[float, np.ndarray]) -> dict[tuple[float, ...], float]:
    """The expected number of cells in which `SEEDS` seeds, as many of each of one or two scales, miss the best."""
    best = np.min([loss.min(axis=1) for loss in by_scale.values()], axis=0)

    def chance(scale: float, drawn: int) -> np.ndarray:
        """That seeds which are drawn from all of a scale miss the best, (cell,)."""
        misses = by_scale[scale] > best[:, None] * (1 + CLOSE)
        return comb(misses.sum(axis=1), drawn) / comb(misses.shape[1], drawn)

    alone = {(scale,): chance(scale, SEEDS) for scale in by_scale}
    pairs = {pair: chance(pair[0], SEEDS // 2) * chance(pair[1], SEEDS // 2) for pair in itertools.combinations(by_scale, 2)}
    return {scales: float(cells.sum()) for scales, cells in (alone | pairs).items()}


def main(scales: list[float], overrides: list[str]) -> None:
    """Print the table."""
    by_scale = {scale: losses(scale, overrides) for scale in scales}
    cells = len(by_scale[scales[0]])
    lines = [f"| {SEEDS} seeds from scale | cells that miss the best by {CLOSE:.1%}, of {cells:,} |", "|---|---|"]
    lines += [f"| {' and '.join(map('{:g}'.format, chosen))} | {count:.2f} |" for chosen, count in missed(by_scale).items()]
    sys.stdout.write("\n".join(["", *lines, ""]))


if __name__ == "__main__":
    main([float(scale) for scale in sys.argv[1].split(",")], sys.argv[2:])
