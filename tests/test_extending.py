"""What a user adds from outside by a function and a name: model, target, law, estimator, penalty, measures, table and figure."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import superposition_jax

MODULE = '''
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from superposition_jax import data, evaluation, figures, geometry, model, objective, tables, targets
from superposition_jax.types import Batch, Measure

FACTOR = 2.0


def _init(key, spec):
    return {"W": model.INITS[spec.init](key, spec)}


def _forward(params, x, spec):
    h = FACTOR * (params["W"] @ x)
    return h, params["W"].T @ h


model.MODELS["doubled"] = model.Model(_init, _forward, directions="W", read_out="W")
targets.TARGETS["product"] = targets.Target(jnp.multiply, arity=2)
data.LAWS["triangular"] = data.Law(lambda v, a: jnp.sqrt(v), lambda a: (2 / 3, 1 / 2), (0, 1))
data.ESTIMATORS["pairs"] = data.Estimator(
    lambda key, spec: data.ESTIMATORS["iid"].draw(key, spec),
    lambda hparams, spec: lambda draws: Batch(*data.ESTIMATORS["iid"].realise(hparams, spec)(draws)),
)
objective.PENALTIES["l2"] = lambda h: jnp.sum(h * h, axis=0)


def largest_norm(w):
    """max_i of the norms."""
    return geometry.feature_norm(w).max()


def mean_output(hparams, params, batch, *, spec):
    """E of the sum of outputs."""
    return jnp.sum(model.forward(params, batch.x, spec=spec)[1].sum(axis=0) * batch.weight)


geometry.MEASURES[largest_norm] = Measure((), "largest norm")
evaluation.ESTIMATES[mean_output] = Measure((), "E of the sum of outputs")


def ranks(dataset, trainer):
    """Numerical rank of W."""
    rank = np.linalg.matrix_rank(dataset["W"].values)
    variables = {"rank": (dataset["status"].dims, rank, {"long_name": "rank of W"})}
    return xr.Dataset(variables).assign_attrs(findings="ranks are known")


def ranked(dataset):
    """The ranks as text."""
    figure = Figure()
    figure.text(0.5, 0.5, str(dataset["rank"].values))
    return figure


tables.TABLES["ranks"] = ranks
figures.FIGURES["ranked"] = ranked
'''

OVERRIDES = [
    *("imports=[mine]", "model.kind=doubled", "target.kind=product", "data.values.law=triangular", "train.estimator=pairs"),
    *("train.penalty.kind=l2", "measures=[mean_output]", "tables=[ranks]", "figures=[ranked]"),
    *(
        "model.n_features=6",
        "data.values.exponent=2",
        "model.n_hidden=3",
        "train.steps=30",
        "+sweep.axes.l2={path: train.penalty.weight, values: [0.0, 0.1]}",
    ),
]


def run(cwd, *more):
    """The command in a folder that holds the user's module."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cwd)}
    command = [sys.executable, "-m", "superposition_jax.run", *OVERRIDES, *more]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, encoding="utf-8", timeout=300)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    cwd = tmp_path_factory.mktemp("user")
    (cwd / "mine.py").write_text(MODULE, encoding="utf-8")
    done = run(cwd, "hydra.run.dir=first")
    assert done.returncode == 0, done.stderr
    return cwd, done, superposition_jax.load(cwd / "first")


def test_everything_that_was_added_is_in_the_results(ran):
    cwd, done, dataset = ran
    np.testing.assert_allclose(dataset["largest_norm"], dataset["feature_norm"].max("feature"), rtol=1e-6)
    assert np.isfinite(dataset["mean_output"]).all()
    assert dataset["mean_output"].attrs["long_name"] == "E of the sum of outputs"
    np.testing.assert_array_equal(dataset["rank"], 3)
    assert "found    ranks are known" in done.stdout
    assert (cwd / "first" / "figures" / "ranked.png").exists()
    assert json.loads((cwd / "first" / "manifest.json").read_text())["findings"] == ["ranks are known"]


def test_the_loss_is_that_of_the_added_model_law_and_target(ran):
    _, _, dataset = ran
    model, rng, size = dataset.isel(l2=0), np.random.default_rng(0), 400_000
    x, w = np.sqrt(rng.random((6, size))), model["W"].values
    x *= rng.random((6, size)) < 1
    output = np.maximum(w.T @ (2 * (w @ x)) + model["b"].values[:, None], 0)
    each = 0.7 ** np.arange(6) @ (x * np.roll(x, -1, axis=0) - output) ** 2
    assert abs(each.mean() - float(model["loss"])) < 5 * each.std() / size**0.5 + 5 * float(model["loss_stderr"])


@pytest.mark.slow
def test_a_changed_function_is_never_served_from_kept_programs(ran):
    cwd, _, before = ran
    (cwd / "mine.py").write_text(MODULE.replace("FACTOR = 2.0", "FACTOR = 1.0"), encoding="utf-8")
    assert run(cwd, "hydra.run.dir=second").returncode == 0
    assert np.all(superposition_jax.load(cwd / "second")["loss"].values != before["loss"].values)
    assert not (cwd / "superposition_jax").exists()


def test_a_module_that_is_not_there_is_refused(tmp_path):
    done = run(tmp_path, "imports=[nowhere]")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("superposition_jax: imports = ['nowhere']: cannot import nowhere: ModuleNotFoundError")
    assert list(tmp_path.iterdir()) == []
