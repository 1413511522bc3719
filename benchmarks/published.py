"""Full runs of the published recipe: hours. Their final losses are saved in published.json, which the other parts read.

python -m benchmarks.published torch ["n=20, m=5" …]     in PyTorch, with as many seeds as SEEDS says
python -m benchmarks.published paper ["n=20, m=5" …]     by this engine with train=paper, all seeds
"""

import json
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.settings import LOSSES, PROBLEMS
from superposition_jax import run
from superposition_jax.config import run_config
from superposition_jax.core import evaluation, random

STEPS = 10_000
"""Steps of the published recipe."""
PATH = Path(__file__).parent / "published.json"
SEEDS = {"n=5, m=2": 16, "n=20, m=5": 16, "n=80, m=20": 2, "n=400, m=30": 1, "n=2, m=1": 1}
"""Seeds of full runs in PyTorch."""


def losses(problem: str) -> tuple[np.ndarray, str]:
    """Saved final losses (cell, seed) of the published recipe: from PyTorch if all seeds ran in it, else from `train=paper`."""
    saved = {recipe: np.array(rows) for recipe, rows in json.loads(PATH.read_text(encoding="utf-8"))[problem].items()}
    most = max(saved, key=lambda recipe: (saved[recipe].shape[1], recipe == "torch"))
    return saved[most], most


def evaluate(problem: str, density, importance, W, b) -> np.ndarray:
    """Final losses (model,) of given parameters, by the evaluator that every run of the engine ends with."""
    group = run_config.load([*PROBLEMS[problem].overrides("fast")]).groups[0]
    one = jax.tree.map(lambda a: jnp.asarray(a[0]), group.hparams)

    @partial(jax.jit, static_argnames="spec")
    def loss_of(density, importance, W, b, *, spec):
        hparams = one.replace(density=jnp.full(spec.n_features, density), importance=importance)
        return evaluation.evaluate(random.key(0), hparams, {"W": W, "b": b}, spec=spec)["loss"]

    models = zip(density.astype(np.float32), importance.astype(np.float32), W, b, strict=True)
    return np.array([loss_of(*model, spec=group.spec) for model in models])


def torch(problem: str) -> np.ndarray:
    """Final losses (cell, seed) of a full run in PyTorch."""
    from benchmarks import torch_recipe

    this, seeds = PROBLEMS[problem], SEEDS[problem]
    density, importance = (np.repeat(values, seeds, axis=0) for values in this.cells)
    trained = torch_recipe.train(density, importance, this.m, steps=STEPS, seed=0, init=this.init)
    return evaluate(problem, density, importance, trained.W, trained.b).reshape(-1, seeds)


def paper(problem: str) -> np.ndarray:
    """Final losses (cell, seed) of a full run of the engine."""
    dataset = run(LOSSES[problem].overrides("paper"))
    return dataset["loss"].values.reshape(-1, LOSSES[problem].seeds)


def save(problem: str, recipe: str, final: np.ndarray) -> None:
    """Put final losses (cell, seed) into the file."""
    saved = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    saved.setdefault(problem, {})[recipe] = [[float(f"{loss:.6g}") for loss in row] for row in final]
    rows = json.dumps(saved, indent=1).replace(",\n    ", ", ").replace("[\n    ", "[").replace("\n   ]", "]")
    PATH.write_text(rows + "\n", encoding="utf-8")


def main(recipe: str, *problems: str) -> None:
    """Train problems, all by default, and save their losses."""
    for problem in problems or PROBLEMS:
        save(problem, recipe, {"torch": torch, "paper": paper}[recipe](problem))


if __name__ == "__main__":
    main(*sys.argv[1:])
