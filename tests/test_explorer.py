"""The page to explore a run: what it holds of a Dataset. How it behaves is tested in a browser, tests/test_browser.py."""

import base64
import json
import re
from itertools import pairwise

import hypothesis
import numpy as np
import pytest
import xarray as xr
from hypothesis import strategies as st

import superposition_jax
from superposition_jax import explorer
from superposition_jax.explorer.arrays import pack, size
from superposition_jax.explorer.content import content, layout, overrides
from superposition_jax.results import select

SMALL = ["train.steps=30", "train.batch_size=8", "train.curve_points=4"]
ONE = ["sweep=sparsity", "sweep.axes.seed.range=1", "sweep.axes.sparsity.values=[0.9]"]
SWEEP = ["sweep=sparsity", *SMALL, "train.snapshots=5", "sweep.axes.sparsity.values=[0.0, 0.9, 0.99]", "sweep.axes.seed.range=3"]
LAST = "+sweep.axes.last={path: data.importance.list.3, values: [0.5, 2]}"
SWEEP += ["+sweep.axes.rate={path: train.learning_rate, values: [0.01, 1e30]}"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return superposition_jax.run(SWEEP, directory=folder), folder


def unpack(array):
    raw = np.frombuffer(base64.b64decode(array["data"]), f"<{array['kind']}").reshape(array["shape"])
    return xr.DataArray(raw.astype(float) * array["scale"], dims=array["dims"])


@hypothesis.given(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=20), st.sampled_from([-1, 1]))
def test_packed_numbers_keep_three_digits_over_eight_decades(values, sign):
    given = xr.DataArray(sign * np.array(values), dims="feature")
    found = unpack(pack(given))
    least = np.max(values) * 2.0**-29
    np.testing.assert_allclose(found, given, rtol=2.0**-11, atol=least * 2.0**-10)


def test_packed_integers_are_exact_and_what_is_not_finite_is_missing():
    integers = xr.DataArray(np.array([-1, 300, 2]), dims="cell")
    assert (unpack(pack(integers)) == integers).all()
    assert pack(integers)["kind"] == "i2"
    assert pack(integers > 0)["kind"] == "i1"
    found = unpack(pack(xr.DataArray([np.inf, np.nan, 3.0], dims="cell")))
    assert np.isnan(found[:2]).all()
    assert found[2] == 3


def test_size_is_what_is_packed():
    for values in (np.zeros((40, 30)), np.zeros((40, 30), np.int32)):
        array = xr.DataArray(values, dims=("cell", "feature"))
        assert size(array) == len(pack(array)["data"])


def test_a_run_writes_its_page_and_explore_makes_the_same(run):
    dataset, folder = run
    text = (folder / "explorer.html").read_text(encoding="utf-8")
    (folder / "explorer.html").unlink()
    made = superposition_jax.explore(folder)
    assert made.file == folder / "explorer.html"
    assert made.file.read_text(encoding="utf-8") == made.html == text
    assert superposition_jax.explore(dataset) == explorer.Explorer(text, None)
    assert made._repr_html_().startswith("<iframe srcdoc=")


def test_the_page_has_all_that_the_dataset_has(run):
    dataset, folder = run
    text = (folder / "explorer.html").read_text(encoding="utf-8")
    (held,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)
    held = json.loads(held)
    assert [axis["dim"] for axis in held["axes"]] == ["sparsity", "seed", "rate"]
    assert held["seed"] == "seed"
    assert held["left_out"] == []
    ok = dataset["status"] == 1
    best = select.best_seed(dataset.assign(loss=dataset["loss"].where(ok)))
    (ok_seeds,) = [measure for measure in held["measures"] if measure["name"] == "ok_seeds"]
    np.testing.assert_array_equal(unpack(ok_seeds["values"]["best"]), ok.sum("seed"))
    for measure in held["measures"]:
        if measure is ok_seeds:
            continue
        values = {key: unpack(array) for key, array in measure["values"].items()}
        own = dataset[measure["name"]].astype(float).where(ok)
        for found, expected in (
            (values["mean"], own.mean("seed")),
            (values["spread"], own.std("seed", ddof=1)),
            (values["best"], best[measure["name"]].where(best["status"] == 1)),
            (values.get("all", own), own),
        ):
            expected = expected.transpose(*found.dims)
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * abs(expected).max(), err_msg=measure["name"])
    assert {"loss", "represented", "superposition", "dims_per_feature", "b"} <= {measure["name"] for measure in held["measures"]}
    curves = unpack(held["models"]["loss_curve"]).transpose(*dataset["loss_curve"].dims)
    assert float(curves.max()) <= 1e3 * float(dataset["loss_curve"].where(ok).max())
    assert unpack(held["models"]["W"]).isnull().values.any()
    assert curves.values[~ok.values][:, 0] == pytest.approx(dataset["loss_curve"].values[~ok.values][:, 0], rel=1e-3)
    for name in ("W", "b", "W_snapshots", "loss_curve"):
        expected = dataset[name].where(ok)
        found = (
            unpack(held["models"][name]).transpose(*expected.dims).where(ok.values.reshape(*ok.shape, *[1] * (expected.ndim - 3)))
        )
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)


def test_principal_directions_are_those_of_an_svd(run):
    basis = unpack(content(run[0])["models"]["basis"]).transpose("sparsity", "seed", "rate", "hidden", "axis")
    for place in ((0, 0, 0), (1, 2, 0)):
        left, _, _ = np.linalg.svd(run[0]["W"].transpose("sparsity", "seed", "rate", "hidden", "feature").values[place])
        np.testing.assert_allclose(np.abs(np.sum(basis.values[place] * left[:, :3], axis=0)), 1, atol=2e-3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["data.importance.kind=geometric"], [1, 0.7, 0.49, 0.343]),
        (["data.importance.list=[1, 2, 3, 4]"], [1, 2, 3, 4]),
        (["data.importance.list=[1, 1, 1, 1]", LAST], [[1, 1, 1, 0.5], [1, 1, 1, 2]]),
        (["+sweep.axes.decay={path: data.importance.decay, values: [0.5, 1]}"], [[1, 0.5, 0.25, 0.125], [1, 1, 1, 1]]),
        (["+sweep.axes.n={path: model.n_features, values: [2, 4]}"], [[1, 0.7, np.nan, np.nan], [1, 0.7, 0.49, 0.343]]),
    ],
)
def test_importances(given, expected):
    size = [] if "model.n_features" in given[0] else ["model.n_features=4"]
    dataset = superposition_jax.run([*size, "model.n_hidden=2", *SMALL, *given])
    np.testing.assert_allclose(unpack(content(dataset)["models"]["importance"]), expected, rtol=1e-3)


def test_a_page_that_would_be_too_large_holds_less_and_says_so(run):
    dataset, _ = run
    whole, least = select.best_seed(dataset)["loss"].isel(rate=0, sparsity=0), 2000
    seen = []
    for most in np.geomspace(sum(size(values) for values in dataset.data_vars.values()) * 2, least, 24).astype(int):
        held = content(dataset, most)
        packed = [*held["models"].values(), *(v for m in held["measures"] for v in m["values"].values())]
        assert sum(len(array["data"]) for array in packed) <= most or "one place in 3" in held["left_out"][-1]
        (loss,) = [unpack(m["values"]["best"]) for m in held["measures"] if m["name"] == "loss"]
        assert loss.isel(rate=0, sparsity=0) == pytest.approx(whole.item(), rel=1e-6)
        seen.append(held["left_out"])
    whole_axes = [[words for words in held if "one place in" not in words] for held in seen]
    assert whole_axes[0] == []
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(whole_axes))
    assert len(seen[-1]) == 5


def test_nothing_is_said_to_be_left_out_that_was_not_there():
    dataset = superposition_jax.run([*SMALL, "+sweep.axes.seed={path: seed, range: 3}"])
    assert content(dataset, 1500)["left_out"][0].startswith("weights")
    assert not [words for words in content(dataset, 100)["left_out"] if "snapshots" in words]


def test_overrides_are_what_differs_from_the_defaults():
    given = ["train=paper", *SMALL, "model.n_features=3", "model.n_hidden=2", "data.importance.list=[1, 1, 0.5]"]
    dataset = superposition_jax.run([*given, *ONE, "+sweep.axes.last={path: data.importance.list.2, values: [0.5, 2]}"])
    found = overrides(dataset, ["data.sparsity", "seed", "data.importance.list.2"])
    assert found.pop("data.importance.list") == [1, 1, 0.5]
    again = [*(f"{key}={value}" for key, value in found.items()), "data.importance.list=[1,1,2]", "data.sparsity=0.9"]
    again = superposition_jax.run(again)
    np.testing.assert_allclose(again["loss"], dataset["loss"].sel(sparsity=0.9, last=2.0, seed=0), rtol=1e-4)


def test_a_selection_keeps_the_values_at_which_it_was_made(run):
    held = content(run[0].isel(sparsity=1, seed=2))
    assert set(held["held"]) >= {"sparsity = 0.9", "density = 0.1", "seed = 2"}
    assert held["overrides"]["data.sparsity"] == 0.9
    assert held["overrides"]["seed"] == 2
    assert "train.learning_rate" not in held["overrides"]


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        *(([1, 2, 3], "linear"), ([-1.0, 0.0, 1.0], "linear"), (list(range(200)), "linear"), ([0.01, 0.1, 1], "log")),
        *(([0, 1e-4, 1e-2, 0.1], "band"), (["a", "b"], "band"), ([3], "band")),
    ],
)
def test_axes_leave_every_cell_room(values, scale):
    assert layout(np.array(values)) == scale


def test_explorers_say_what_they_are_in_a_shell(run):
    assert repr(superposition_jax.explore(run[0])).startswith("Explorer(not written, 0.")
    assert len(repr(superposition_jax.explore(run[1]))) < 300


def test_a_single_model_and_a_run_of_seeds_only_have_pages():
    one = content(superposition_jax.run(SMALL))
    assert one["axes"] == []
    assert one["seed"] is None
    seeds = content(superposition_jax.run([*SMALL, "+sweep.axes.seed={path: seed, range: 3}"]))
    assert [axis["dim"] for axis in seeds["axes"]] == ["seed"]
    assert len(unpack(seeds["models"]["W"])) == 3


def test_what_cannot_be_shown_is_one_line(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        superposition_jax.explore(tmp_path / "none")
    for part in (run[0].isel(feature=0), run[0].isel(step=0), run[0].drop_attrs()):
        with pytest.raises(ValueError, match="the Dataset has no"):
            superposition_jax.explore(part)
