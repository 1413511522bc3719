"""The labelled Dataset: labels, padding, status, and what is on disk."""

import h5py
import numpy as np
import pytest
import xarray as xr

import superposition_jax
from superposition_jax import files
from superposition_jax.command import pipeline
from superposition_jax.config import run_config
from superposition_jax.errors import ConfigError
from superposition_jax.experiments import figures
from superposition_jax.experiments.crossing import figure as crossing
from superposition_jax.results import assemble, netcdf, netcdf4, select, status

SMALL = ["train.steps=8", "model.n_features=4", "model.n_hidden=2", "train.curve_points=4", "sweep=sparsity"]


@pytest.fixture(scope="module")
def hidden():
    """A sweep with a static axis and a model that diverges."""
    axes = ["sweep.axes.hidden_size.values=[1,3]", "sweep.axes.sparsity.values=[0.0,0.9]", "sweep.axes.seed.range=2"]
    axes += ["+sweep.axes.rate={path: train.learning_rate, values: [0.01, 1e30]}"]
    return superposition_jax.run(["sweep=hidden", "train.steps=8", "model.n_features=4", *axes])


def test_a_static_axis_is_an_ordinary_dimension_and_pads_with_nan(hidden):
    assert hidden["W"].dims == ("hidden_size", "sparsity", "seed", "rate", "hidden", "feature")
    assert hidden["W"].shape == (2, 2, 2, 2, 3, 4)
    assert {*hidden.sizes} == {*hidden["W"].dims, "step"}
    assert np.isnan(hidden["W"].sel(hidden_size=1, hidden=[1, 2])).all()
    assert np.isfinite(hidden["W"].sel(hidden_size=3)).all()
    assert hidden["b"].notnull().all()


def test_every_value_lands_at_its_label():
    """Results that encode their point's labels, from groups in any order, come back under those labels."""
    axes = ["+sweep.axes.m={path: model.n_hidden, values: [2, 1]}"]
    axes += ["+sweep.axes.rate={path: train.learning_rate, values: [3, 4, 5]}", "+sweep.axes.seed={path: seed, values: [7, 5]}"]
    experiment = run_config.load(["model.n_features=3", "train.steps=4", *axes])
    trained = []
    for group in experiment.groups:
        code = 100 * group.spec.n_hidden + 10 * group.hparams.learning_rate + group.seeds
        shape = (len(code), group.spec.n_hidden, 3)
        trained.append({"W": np.broadcast_to(code[:, None, None], shape), "loss": code, "diverged_at": np.full(len(code), -1)})
    dataset = assemble.assemble(experiment.grid, [*map(assemble.Part.of, experiment.groups[::-1], trained[::-1])])
    expected = 100 * dataset["m"] + 10 * dataset["rate"] + dataset["seed"]
    np.testing.assert_array_equal(dataset["loss"], expected)
    np.testing.assert_array_equal(dataset["W"].isel(hidden=0, feature=2), expected)
    assert np.isnan(dataset["W"].sel(m=1).isel(hidden=1)).all()


def test_runs_of_different_length_keep_their_own_steps():
    dataset = superposition_jax.run(
        ["model.n_features=3", "+sweep.axes.length={path: train.steps, values: [4, 10]}", "train.snapshots=1"]
    )
    short, long = dataset["loss_curve"].sel(length=4), dataset["loss_curve"].sel(length=10)
    assert [*short.dropna("step")["step"].values] == [1, 2, 3, 4]
    assert long.dropna("step")["step"].values[-1] == 10
    assert [*dataset["W_snapshots"].sel(length=10).dropna("snapshot")["snapshot"].values] == [0, 10]
    assert figures.draw("loss_curves", dataset).axes[0].get_lines()[0].get_xdata()[-1] == 4


def test_coordinates_are_the_configured_values_in_double_precision(hidden):
    assert hidden["sparsity"].dtype == hidden["density"].dtype == np.float64
    assert [*hidden["sparsity"].values] == [0.0, 0.9]
    assert [*hidden["density"].values] == [1 - 0.0, 1 - 0.9]
    assert float(hidden["loss"].sel(hidden_size=3, sparsity=0.9, seed=1, rate=0.01)) > 0
    assert hidden["step"].values[-1] == 8


def test_the_numbers_of_every_feature_are_kept(hidden):
    density = hidden["density"].astype(np.float32).broadcast_like(hidden["feature_norm"])
    np.testing.assert_array_equal(hidden["feature_density"], density.transpose(*hidden["feature_density"].dims))
    np.testing.assert_allclose(hidden["feature_importance"], np.broadcast_to(0.7 ** np.arange(4), hidden["feature_norm"].shape))


def test_files_without_paths_and_feature_numbers_load_explore_and_measure(hidden, tmp_path):
    """As earlier versions wrote them."""
    old = hidden.drop_vars(["feature_density", "feature_importance"]).copy(deep=True)
    for coordinate in old.coords.values():
        coordinate.attrs.pop("path", None)
    netcdf.save(old.assign_attrs(crossing=0.25, crossing_error=0.01), tmp_path)
    loaded = superposition_jax.load(tmp_path)
    assert (float(loaded["crossing"]), float(loaded["crossing_error"])) == (0.25, 0.01)
    paths = {name: coordinate.attrs.get("path") for name, coordinate in hidden.coords.items()}
    assert paths["sparsity"] == "data.sparsity"
    assert paths["density"] is None
    assert {name: coordinate.attrs.get("path") for name, coordinate in loaded.coords.items()} == paths
    assert "explorer" in superposition_jax.explore(loaded).html
    assert "principal" in superposition_jax.measure(loaded, ["demonstration"])


def test_only_results_of_diverged_models_are_masked(hidden):
    given = hidden.assign(many=hidden["represented"].astype(np.int8), few=hidden["represented"] < 2)
    masked = status.without_diverged(given)
    for name in ("loss", "represented", "many", "few", "W"):
        assert masked[name].sel(rate=1e30).isnull().all()
        np.testing.assert_array_equal(masked[name].sel(rate=0.01), given[name].sel(rate=0.01))
    for name in ("status", "diverged_at", "feature_density"):
        assert masked[name].identical(given[name])
    assert (masked["represented"].dtype, masked["many"].dtype, masked["few"].dtype) == (np.float64, np.float32, np.float32)
    fine = given.sel(rate=0.01)
    assert status.without_diverged(fine).identical(fine)


def test_the_best_seed_did_not_diverge_and_has_the_loss_of_its_own_draws():
    nan, again = np.nan, np.array([[np.nan, np.nan, 2.2], [np.nan] * 3, [np.nan] * 3])
    values = {"loss": [[3.0, 1.0, 2.0], [nan, 0.0, 5.0], [1.0, 2.0, 3.0]], "status": [[1, 2, 1], [2, 2, 2], [1, 0, 2]]}
    values |= {"loss_again": again, "loss_relative": np.array(values["loss"]) / 10, "represented": np.arange(9).reshape(3, 3)}
    seeds = ("seed", range(3), {"path": "seed"})
    dataset = xr.Dataset({name: (("cell", "seed"), array) for name, array in values.items()}, {"seed": seeds})
    best = select.best_seed(dataset)
    for name, expected in {"loss": [2.2, nan, 1.0], "loss_relative": [0.22, nan, 0.1], "represented": [2, nan, 6]}.items():
        np.testing.assert_allclose(best[name], expected)
    alone = select.best_seed(dataset[["loss"]])  # without status, diverged models are not known
    np.testing.assert_array_equal(alone["loss"], [1.0, 0.0, 1.0])
    assert select.best_seed(dataset.isel(seed=1)).identical(dataset.isel(seed=1))


def test_diverged_models_are_marked_and_every_variable_says_what_it_is(hidden):
    assert (hidden["status"].sel(rate=0.01) == status.STATUS.index("ok")).all()
    assert (hidden["status"].sel(rate=1e30) == status.STATUS.index("diverged")).all()
    assert not [name for name, variable in hidden.data_vars.items() if not variable.attrs["long_name"]]


def test_saved_results_come_back_equal_and_nothing_half_written_stays(tmp_path):
    experiment = run_config.load([*SMALL, "train.snapshots=3"])
    dataset = pipeline.run(experiment, directory=tmp_path / "run")
    loaded = superposition_jax.load(tmp_path / "run")
    xr.testing.assert_identical(loaded, dataset)
    xr.testing.assert_identical(superposition_jax.load(str(tmp_path / "run" / "results.nc")), dataset)
    assert loaded["W_snapshots"].dims == ("sparsity", "seed", "snapshot", "hidden", "feature")
    assert loaded["snapshot"].values[0] == 0
    files = {path.name for path in (tmp_path / "run").iterdir()}
    assert files == {"results.nc", "metrics.csv", "manifest.json", "explorer.html", "figures"}
    assert {path.stem for path in (tmp_path / "run" / "figures").iterdir()} == {"demonstration", "summary", "loss_curves"}


def test_failed_writes_leave_the_old_file(tmp_path):
    path = tmp_path / "results.nc"
    path.write_text("old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.whole(path, fail)
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_loading_what_is_not_there_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"results\.nc: no such file"):
        superposition_jax.load(tmp_path)


def test_the_demonstration_shows_the_best_seed(tmp_path):
    dataset = superposition_jax.run([*SMALL, "sweep.axes.seed.range=3"])
    _, bars, *_ = figures.draw("demonstration", dataset).axes
    heights = np.reshape([patch.get_height() for patch in bars.patches], (7, 4))
    for place, height in enumerate(heights):
        cell = dataset.isel(sparsity=place)
        best = int(cell["loss"].argmin("seed"))
        np.testing.assert_allclose(height, cell["feature_norm"].isel(seed=best))


def test_figures_are_saved_as_pictures_and_films(tmp_path):
    short = ["experiment=geometric_learning", "train.snapshots=5", "train.steps=20", "sweep.axes.seed.range=2"]
    superposition_jax.run([*short, "figures=[trajectories, film]"], directory=tmp_path)
    saved = {path.name: path.read_bytes()[:4] for path in (tmp_path / "figures").iterdir()}
    assert saved == {"trajectories.png": b"\x89PNG", "film.gif": b"GIF8"}


@pytest.mark.parametrize("compressed", [(), ("b", "n")])
def test_a_file_reads_as_if_xarray_had_written_it(compressed, tmp_path):
    attributes = {"words": "‖W‖", "flag_values": [0, 1, -1], "number": 0.5, "names": ["a", "ä"]}
    numbers = np.arange(1, 7).reshape(2, 3)
    variables = {"b": (("x", "plain"), numbers * np.array([1, np.nan, np.inf]), attributes), "n": (("plain", "x"), numbers.T)}
    variables |= {"holds": ("x", [True, False]), "scalar": ((), np.float32(3)), "text": ("plain", ["", "ä", "word"])}
    coords = {"x": ("x", [0.1, 0.2], {"path": "data.density"}), "twin": ("x", [0.9, 0.8]), "solid": ("solid", ["digon", "other"])}
    dataset = xr.Dataset(variables, coords, {"config": "{}", "size": 3})
    with (tmp_path / "ours.nc").open("w+b") as file:
        netcdf4.write(dataset, file, compressed)
    dataset.to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    ours, theirs = (xr.load_dataset(tmp_path / f"{name}.nc", engine="h5netcdf") for name in ("ours", "theirs"))
    assert ours.identical(theirs)
    assert [*ours.variables] == [*theirs.variables]
    assert all(ours[name].dtype == theirs[name].dtype for name in theirs.variables)
    with h5py.File(tmp_path / "ours.nc") as ours, h5py.File(tmp_path / "theirs.nc") as theirs:
        assert {*ours} == {*theirs}
        for name in theirs:
            for attribute in ours[name].attrs.keys() - {"DIMENSION_LIST", "REFERENCE_LIST"}:
                np.testing.assert_array_equal(ours[name].attrs[attribute], theirs[name].attrs[attribute])
            assert [[*dim.keys()] for dim in ours[name].dims] == [[*dim.keys()] for dim in theirs[name].dims]
        assert (ours["b"].compression == "gzip") == bool(compressed)


def test_a_second_dataset_of_the_same_form_is_written_as_itself(tmp_path):
    """Small ones take the bytes of the first and their own numbers and attributes."""
    first, second = (superposition_jax.run(["model.n_features=3", "train.steps=5", f"seed={seed}"]) for seed in (1, 2))
    for number, dataset in enumerate((first, second, first)):
        netcdf.save(dataset, tmp_path / str(number))
        xr.testing.assert_identical(superposition_jax.load(tmp_path / str(number)), dataset)
    assert first.attrs["config"] != second.attrs["config"]


def transposed(dataset):
    return dataset.transpose(*[*dataset.dims][::-1])


REARRANGED = [transposed, lambda dataset: dataset.isel(hidden_size=[1, 0])]
REARRANGED += [lambda dataset, dim=dim: dataset.isel({dim: slice(None, None, -1)}) for dim in ("sparsity", "seed", "rate")]
REARRANGED += [lambda dataset, dim=dim: dataset.isel({dim: slice(None, None, -1)}) for dim in ("hidden", "feature", "step")]
REARRANGED += [lambda dataset: transposed(xr.concat([dataset.sel(seed=1), dataset.sel(seed=0)], "seed"))]


@pytest.fixture(scope="module")
def measured(hidden):
    return superposition_jax.measure(hidden, ["demonstration"])


@pytest.mark.parametrize("rearrange", REARRANGED)
def test_tables_of_a_rearranged_dataset_are_those_of_the_run(hidden, measured, rearrange):
    xr.testing.assert_equal(superposition_jax.measure(rearrange(hidden), ["demonstration"]), measured)


PARTIAL = {
    "2 of 4 places along feature, among 2": lambda dataset: dataset.isel(feature=[2, 0]),
    "1 of 2 places along sparsity, among 1": lambda dataset: dataset.sel(sparsity=[0.9]),
    "0 of 2 places along seed, among 0": lambda dataset: dataset.sel(seed=0),
    "1 of 2 places along rate, among 2": lambda dataset: dataset.isel(rate=[0, 0]),
    "1 of 2 places along hidden_size": lambda dataset: dataset.assign_coords(hidden_size=[1, 2]),
    "no status, W": lambda dataset: dataset[["loss"]],
    "no axis job": lambda dataset: dataset.expand_dims("job"),
    "attribute config is missing": lambda dataset: dataset.drop_attrs(),
    "attribute config is missing or damaged": lambda dataset: dataset.assign_attrs(config="[]"),
}


@pytest.mark.parametrize("words", PARTIAL)
def test_tables_of_a_part_of_a_run_are_refused_in_one_line(hidden, words):
    with pytest.raises(ConfigError, match=rf"^measure: [^\n]*{words}[^\n]*$"):
        superposition_jax.measure(PARTIAL[words](hidden), ["demonstration"])


def test_aligned_directions_differ_by_no_rotation_or_order():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(2, 5))
    turned = np.linalg.qr(rng.normal(size=(2, 2)))[0] @ w[:, [0, 3, 1, 4, 2]]
    found = crossing.aligned(np.array([w, turned]))
    np.testing.assert_allclose(found[1], w, atol=1e-12)


def test_tables_of_a_saved_run_are_those_it_would_have_had(tmp_path):
    """Sizes, a zipped axis and no seeds: from the folder, without training."""
    given = ["model.n_features=6", "train.steps=50", "data.importance.kind=uniform", "figures=[]"]
    given += ["+sweep.axes.m={path: model.n_hidden, values: [2, 3], zip: size}"]
    given += ["+sweep.axes.p={path: data.density, values: [0.1, 0.3], zip: size}"]
    superposition_jax.run(given, directory=tmp_path)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    measured = superposition_jax.measure(tmp_path, ["superposed", "demonstration"])
    xr.testing.assert_equal(measured, superposition_jax.run([*given, "tables=[superposed, demonstration]"]))
    assert "of them in superposition" in measured.attrs["findings"]
    assert files == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(ConfigError, match="tables = \\['nowhere'\\]"):
        superposition_jax.measure(measured, ["nowhere"])
    with pytest.raises(ConfigError, match=r"data\.sets\.kind"):
        superposition_jax.measure(measured, ["partners"])
