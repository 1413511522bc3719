"""Phase diagrams: classes, optimised candidates, and the agreement of training with theory."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from exact import least_loss
from oracle import antipodal_loss
from scipy.optimize import minimize

import superposition_jax
from superposition_jax import theory
from superposition_jax.config import run_config
from superposition_jax.core import geometry
from superposition_jax.errors import ConfigError
from superposition_jax.experiments import figures
from superposition_jax.experiments.phase import candidates, diagram
from superposition_jax.experiments.phase.figure import colours
from superposition_jax.results import select
from superposition_jax.theory import arrangements

PHASE = ["experiment=phase_n2m1"]
UNSET = ["sweep.axes.importance.geomspace=null", "sweep.axes.importance.num=null"]
SMALL = ["sweep.axes.importance.num=12", "sweep.axes.density.num=12", "sweep.axes.seed.range=12", "figures=[]"]


@pytest.mark.parametrize("shape", candidates.CANDIDATES)
def test_candidates_are_what_their_names_say(shape):
    """Norm and superposition of the extra feature, measured on the arrangements, and the phase that follows."""
    expected = {"antipodal": 2, "last antipodal": 2, "others antipodal": 1, "triangle": 3}
    for candidate, (within, *_) in candidates.ARRANGEMENTS[shape].items():
        w = arrangements.weights(jnp.array(within.pattern), jnp.array(within.start))
        measured = jax.jit(geometry.measure)(w)
        extra = tuple(float(measured[name][-1]) for name in ("feature_norm", "superposition"))
        assert extra == pytest.approx({**candidates.EXTRA, "triangle": (1, 0.5)}[candidate])
        assert diagram.classify(*map(np.array, extra), diagram.is_triangle(np.array(w))) == expected[candidate]
    assert diagram.classify(*map(np.array, candidates.EXTRA["last dropped"])) == 0
    assert diagram.classify(*map(np.array, candidates.EXTRA["first dropped"])) == 1


def phase_of(w):
    """The phase of the last feature of W (hidden, feature)."""
    w = np.array(w)
    norm = np.linalg.norm(w, axis=0)
    superposition = ((w[:, -1] / norm[-1]) @ w[:, :-1]) ** 2
    return int(diagram.classify(norm[-1], superposition.sum(), diagram.is_triangle(w)))


@pytest.mark.parametrize("seed", range(5))
def test_a_triangle_has_one_label(seed):
    """Turned and permuted at will, its columns a little longer or shorter: the extra feature's superposition is ½ ± rounding."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    for scale in (1 - 1e-6, 1, 1 + 1e-6, rng.uniform(0.8, 1.1, 3)):
        assert phase_of(turn @ theory.polygon(3)[:, rng.permutation(3)] * scale) == 3
    turned = turn @ [[1, -1, 0], [0, 0, 1]]
    assert phase_of(turned) == 1
    assert phase_of(turned[:, [0, 2, 1]]) == phase_of(turned[:, [2, 0, 1]]) == 2
    assert phase_of(turn @ theory.polygon(3) * [1, 1, 0.4]) == 0
    assert phase_of([[1, -1, 0.1], [0, 0.1, 1]]) == 1
    assert not diagram.is_triangle(np.ones((4, 1, 2))).any()


def test_boundary_cells_have_another_class_beside_them():
    phases = xr.DataArray([[0, 0, 0, 2], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]], dims=("a", "b"))
    expected = [[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_array_equal(diagram.boundary(phases, ("a", "b")), np.array(expected, bool))


@pytest.fixture(scope="module")
def two():
    return superposition_jax.run(["experiment=phase_n2m1", *SMALL])


def test_the_best_seed_is_as_good_as_the_best_candidate(two):
    off = diagram.excess(two)
    assert (off < 1e-3).mean() > 0.98
    assert float(off.min()) > -0.01


def test_phases_are_the_optimised_candidates(two):
    theory = diagram.least(two, "optimised")["phase"]
    inside = ~diagram.boundary(theory, ("density", "importance"))
    assert (two["phase"] == theory).where(inside).mean() > 0.98
    assert set(np.unique(two["phase"])) == {0, 1, 2}
    assert "least optimised candidate" in two.attrs["findings"]


def test_the_other_variables_are_what_they_say(two):
    np.testing.assert_array_equal(two["best_loss"], two["loss"].min("seed"))
    share = (two["loss"] <= 1.01 * two["best_loss"] + select.floor(two)).mean("seed")
    np.testing.assert_allclose(two["reached"], share.transpose(*two["reached"].dims), rtol=1e-6)
    cell = two.isel(importance=3, density=8)
    rest = np.delete(np.arange(12), int(cell["loss"].argmax("seed")))
    without_worst = cell[["feature_norm", "superposition"]].isel(feature=1, seed=rest).mean("seed")
    assert cell["phase_mean"] == diagram.classify(*(without_worst[name].values for name in ("feature_norm", "superposition")))
    fixed = candidates.candidates_n2m1(*np.meshgrid(two["density"], two["importance"], indexing="ij"))
    for name, losses in fixed.items():
        candidate = two["candidate_loss"].sel(candidate=name).transpose("density", "importance")
        np.testing.assert_allclose(candidate, losses, rtol=1e-6)


def test_optimised_candidates_are_minima():
    """The optimised antipodal pair against a minimum of its exact loss that another method found."""
    small = ["sweep.axes.density.geomspace=[0.4, 0.03]", "sweep.axes.density.num=3", "sweep.axes.importance.num=3"]
    small += ["sweep.axes.seed.range=2", "figures=[]"]
    dataset = superposition_jax.run([*PHASE, *small])
    for p in dataset["density"].values:
        for r in dataset["importance"].values:

            def lost(at, p=p, r=r):
                return float(antipodal_loss(p, r, at[:2], at[2:])) / p**2

            best = minimize(lost, [1, 1, 0, 0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000})
            drop = min(1.0, r) * float(theory.variance(p)) / p**2  # where one of the pair vanishes in the end
            least = dataset["optimised_loss"].sel(density=p, importance=r).min()
            assert float(least) / p**2 == pytest.approx(min(best.fun, drop), rel=1e-4)


@pytest.fixture(scope="module")
def three():
    """Cells about the triple point, where triangles are best, and random ones."""
    rng, unset = np.random.default_rng(0), ["geomspace=null", "num=null"]
    values = {
        "density": [0.6250551925, *rng.uniform(0.55, 0.75, 2), *np.exp(rng.uniform(np.log(0.01), np.log(0.5), 2))],
        "importance": [0.9540954763, *np.exp(rng.uniform(np.log([0.1, 0.8, 1]), np.log([0.8, 1, 5])))],
    }
    small = [f"sweep.axes.{name}.{key}" for name in values for key in unset] + ["figures=[]"]
    small += [f"+sweep.axes.{name}.values={sorted(map(float, numbers))}" for name, numbers in values.items()]
    return superposition_jax.run(["experiment=phase_n3m2", *small])


def test_candidates_stay_in_their_arrangement(three):
    """To the last bit: the extra feature alone has no superposition, and beside its antipode that feature's square."""
    extra = three[["optimised_norm", "optimised_superposition", "optimised_phase"]]
    alone, pair = (extra.sel(candidate=name) for name in ("others antipodal", "last antipodal"))
    assert np.all(alone["optimised_superposition"] == 0)
    assert np.all(alone["optimised_phase"] == 1)
    assert set(np.unique(pair["optimised_phase"])) <= {0, 1, 2}
    assert set(np.unique(three["optimised_phase"].sel(candidate="triangle"))) >= {3}


@pytest.mark.parametrize("name", ["last antipodal", "others antipodal", "triangle"])
def test_nothing_in_an_arrangement_loses_less(three, name):
    """Minima of the exact loss that SciPy finds within the arrangement, from other lengths and biases."""
    pattern, start = candidates.ARRANGEMENTS[3, 2][name][0]
    rng = np.random.default_rng(1)
    for density, importance in itertools.product(three["density"].values[::2], three["importance"].values[[0, -1]]):
        loss = float(three["optimised_loss"].sel(density=density, importance=importance, candidate=name))
        lengths = start[: np.max(np.abs(pattern))] * rng.uniform(
            0.4 if name != "triangle" else 0.85, 1.1, np.max(np.abs(pattern))
        )
        least, _ = least_loss(np.full(3, density), pattern, [1, 1, importance], lengths, rng.uniform(0, density / 2, 3))
        assert loss <= least * (1 + 2e-4)


@pytest.mark.parametrize(("density", "importance"), [(1.0, 1.0), (0.625055, 0.868511), (0.7, 1.2)])
def test_the_least_of_several_minima(density, importance):
    """An antipodal pair of unequal lengths, which is hard to find from equal ones, by SciPy from many starts."""
    small = [f"sweep.axes.{name}.{key}" for name in ("density", "importance") for key in ("geomspace=null", "num=null")]
    small += [f"+sweep.axes.density.values=[{density}]", f"+sweep.axes.importance.values=[{importance}]", "train.steps=20"]
    dataset = superposition_jax.run([*PHASE, *small, "sweep.axes.seed.range=2", "figures=[]"])
    rng, p = np.random.default_rng(3), np.full(2, density)
    minima = [least_loss(p, [[1, -2]], [1, importance], rng.uniform(0.2, 1.1, 2), rng.uniform(0, 0.5, 2))[0] for _ in range(8)]
    assert float(dataset["optimised_loss"].min()) <= min(minima) * (1 + 2e-5)


def test_triangles_lose_less_near_the_triple_point(three):
    """By 5.0 % of what the paper's arrangements lose at their best, all of them by SciPy."""
    density, importance = 0.6250551925, 0.9540954763
    cell = three.sel(density=density, importance=importance)
    drop = importance * theory.variance(density)
    best = {"last dropped": drop, "first dropped": drop / importance}
    for name, ((pattern, start), *_) in candidates.ARRANGEMENTS[3, 2].items():
        begin = start[: np.max(np.abs(pattern))] * [0.8 if name == "triangle" else 0.9]
        best[name], _ = least_loss(np.full(3, density), pattern, [1, 1, importance], begin, np.full(3, 0.2))
    gain = 1 - best["triangle"] / min(value for name, value in best.items() if name != "triangle")
    assert gain == pytest.approx(0.0499, abs=1e-4)
    losses = cell["optimised_loss"]
    measured = 1 - losses.sel(candidate="triangle") / losses.drop_sel(candidate="triangle").min()
    assert float(measured) == pytest.approx(gain, abs=1e-4)
    assert int(cell["phase"]) == 3
    assert float(cell["best_loss"]) == pytest.approx(best["triangle"], rel=1e-3)


def test_other_activations_have_no_candidates():
    dataset = superposition_jax.run(["experiment=phase_n2m1", *SMALL, "model.activation=identity", "sweep.axes.seed.range=2"])
    assert "optimised_loss" not in dataset
    np.testing.assert_array_equal((dataset["phase"] == 1).transpose("density", ...), [dataset["importance"].values > 1] * 12)


def test_the_plane_is_found_by_what_its_axes_vary():
    """Density before importance, by a sparsity axis of another name, one seed, one importance."""
    axes = "{s: {path: data.sparsity, values: [0.3, 0.6, 0.95]}, r: {path: data.importance.list.1, values: [2.0]}}"
    dataset = superposition_jax.run(["experiment=phase_n2m1", "~sweep.axes", f"+sweep.axes={axes}", "train.steps=300"])
    assert diagram.plane(dataset) == ("s", "r")
    np.testing.assert_allclose(diagram.coordinates(dataset)[0], [0.7, 0.4, 0.05])
    expected = candidates.candidates_n2m1([0.7, 0.4, 0.05], 2.0)["antipodal"]
    np.testing.assert_allclose(dataset["candidate_loss"].sel(candidate="antipodal").squeeze(), expected, rtol=1e-6)
    assert figures.draw("phase", dataset).axes


@pytest.mark.parametrize("activation", [["relu"], pytest.param(["relu", "gelu"], marks=pytest.mark.slow)])
def test_the_figure_has_the_colours_of_the_best_seed(activation, tmp_path):
    overrides = [*SMALL[:2], "sweep.axes.seed.range=2", "figures=[phase]", f"sweep.axes.activation.values={activation}"]
    dataset = superposition_jax.run(["experiment=phase_law", *overrides], directory=tmp_path)
    assert (tmp_path / "figures" / "phase.png").is_file()
    figure = figures.draw("phase", dataset)
    (mesh,) = (artist for artist in figure.axes[0].collections if hasattr(artist, "get_coordinates"))
    best = select.best_seed(dataset).isel(feature=-1, activation=0)
    expected = colours(*(best[name].transpose("importance", "density").values for name in ("feature_norm", "superposition")))
    np.testing.assert_allclose(mesh.get_array(), expected)
    edges = mesh.get_coordinates()
    x, y = edges[0, :, 0], edges[:, 0, 1]
    np.testing.assert_allclose(np.sqrt(x[1:] * x[:-1]), dataset["density"], rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(y[1:] * y[:-1]), dataset["importance"], rtol=1e-6)
    titles = [axes.get_title() for axes in figure.axes]
    alone = ["trained, best of 2 seeds", "paper's candidates"]
    assert titles[:2] == (["activation = relu", "activation = gelu"] if len(activation) > 1 else alone)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["sweep=sparsity", "tables=[phase]"], "tables = .*data.importance.list.19"),
        (["sweep=sparsity", "figures=[phase]"], "figures = .*tables=.phase"),
        (["tables=[phases]"], "tables = .*phase"),
        (["sweep.repair=1"], "sweep.repair = 1: must be true or false"),
        ([*PHASE, "+sweep.axes.importance.zip=density"], "phase draws this axis by itself: .*sweep.axes.*zip = "),
        *(
            ([*PHASE, f"+sweep.axes.m={{path: {path}, values: [1, 2]}}"], f"phase compares equal models: .*m.path = '{path}'")
            for path in ("model.n_hidden", "data.importance.list.0")
        ),
        ([*PHASE, *UNSET, "+sweep.axes.importance.values=[0, 1]"], "above 0, not sweep.axes.importance = 0"),
        ([*PHASE, *UNSET, "+sweep.axes.importance.values=[1, 0.1, 10]"], "in order, not sweep.axes.importance"),
        (["+sweep.axes.candidate={path: seed, range: 2}"], "sweep.axes = 'candidate'"),
        (["experiment=phase"], "experiment=phase: no such option"),
    ],
)
def test_what_cannot_be_is_refused(overrides, words):
    with pytest.raises(ConfigError, match=words):
        run_config.load(overrides)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["phase_n2m1", "phase_n3m2"])
def test_full_diagrams_match_theory(experiment):
    """50×50 cells × 10 seeds: best within 0.1 % of the least optimised candidate or below; phases agree off the boundary."""
    dataset = superposition_jax.run([f"experiment={experiment}", "figures=[]"])
    assert dataset["status"].size == 25_000
    off = diagram.excess(dataset)
    assert (off <= 1e-3).mean() >= 0.99
    assert float(off.min()) > -1e-3
    theory = diagram.least(dataset, "optimised")["phase"]
    inside = ~diagram.boundary(theory, ("density", "importance"))
    assert (dataset["phase"] == theory).where(inside).mean() >= 0.99
