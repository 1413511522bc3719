"""What experiment trackers are given of a sweep, when, and what is refused; test_tracker_packages.py has the real ones."""

import csv
import json

import numpy as np
import pytest

import superposition_jax
from superposition_jax.command import before_hydra, shards
from superposition_jax.config import run_config
from superposition_jax.errors import ConfigError
from superposition_jax.results import select, trackers

SMALL = ["model.n_features=6", "model.n_hidden=2", "+sweep.axes.seed={path: seed, range: 3}"]
FAKE = [*SMALL, "train.steps=5", "runtime.tracker=fake"]
STEPS = "+sweep.axes.steps={path: train.steps, values: [20, 45]}"
RATES = "+sweep.axes.rate={path: train.learning_rate, values: [0.02, 1e30]}"


def quantiles(values):
    """By NumPy's own function that passes over NaN."""
    with np.errstate(all="ignore"):
        return dict(zip(trackers.QUANTILES, np.nanquantile(values.astype(float), [0, 0.1, 0.5, 0.9]), strict=True))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Two lengths of training, half of the models diverged."""
    folder = tmp_path_factory.mktemp("run")
    dataset = superposition_jax.run([*SMALL, STEPS, RATES, "figures=[summary]", "name=short"], directory=folder)
    return dataset, folder, trackers.record(dataset, folder)


def test_the_curve_has_quantiles_over_models_that_are_ok_and_have_the_step(ran):
    dataset, _, record = ran
    good = dataset["loss_curve"].where(dataset["status"] == 1)
    assert 0 < int((dataset["status"] == 1).sum()) < dataset["status"].size
    assert np.isnan(good.sel(steps=20, rate=0.02)).any()  # steps of the longer ones
    assert list(record.curve) == dataset["step"].values.tolist()
    assert record.last == 45
    for step, values in record.curve.items():
        expected = quantiles(good.sel(step=step).values.ravel())
        assert values == pytest.approx({f"loss_curve/{name}": value for name, value in expected.items()}, rel=1e-6)


def test_the_table_is_that_of_metrics_csv(ran):
    _, folder, record = ran
    with open(folder / "metrics.csv", newline="", encoding="utf-8") as file:
        columns, *rows = csv.reader(file)
    assert record.columns == columns
    assert [[str(value) for value in row] for row in record.rows] == rows


def test_a_long_table_is_a_random_choice_and_says_so(ran, monkeypatch):
    dataset, folder, record = ran
    monkeypatch.setattr(trackers, "MOST_ROWS", 5)
    few = trackers.record(dataset, folder)
    assert len(few.rows) == 5
    assert {repr(row) for row in few.rows} < {repr(row) for row in record.rows}
    assert "a random 5 of them" in few.report
    assert "a random" not in record.report
    assert few.curve == record.curve


def test_the_report_has_the_findings_and_quantiles_of_the_results(ran):
    dataset, folder, _ = ran
    record = trackers.record(dataset.assign_attrs(findings="one\ntwo"), folder)
    assert "12 models, 6 of them ok" in record.report
    assert "\n\n- one\n- two\n\n" in record.report
    expected = quantiles(dataset["loss"].where(dataset["status"] == 1).values)
    assert f"| loss | {' | '.join(f'{value:.4g}' for value in expected.values())} |" in record.report
    assert record.config["train"]["b1"] == 0.9
    assert record.config["train.learning_rate"] == select.recipe(dataset)["train.learning_rate"]
    assert record.name == f"short {folder.name}"
    assert record.figures == [folder / "figures" / "summary.png"]


def test_a_sweep_of_which_nothing_is_left_has_no_curve(tmp_path):
    dataset = superposition_jax.run([*SMALL, "train.steps=5", "train.learning_rate=1e30"], directory=tmp_path)
    record = trackers.record(dataset, tmp_path)
    assert (record.curve, record.last, record.figures) == ({}, 0, [])
    assert "3 models, 0 of them ok" in record.report
    assert len(record.rows) == 3


@pytest.fixture
def logged(monkeypatch):
    """What a tracker `fake` was given."""
    records = []
    monkeypatch.setitem(trackers.TRACKERS, "fake", lambda record: records.append(record) or "fake show")
    return records


def test_a_run_is_logged_once_with_its_figures(logged, tmp_path, capsys):
    for _ in range(2):  # the second finds it finished
        dataset = superposition_jax.run([*FAKE, "figures=[loss_curves]"], directory=tmp_path, progress=True)
    shards.resume(tmp_path, {})
    assert [record.folder for record in logged] == [tmp_path]
    assert [file.name for file in logged[0].figures] == ["loss_curves.png"]
    assert len(logged[0].rows) == dataset["loss"].size
    assert capsys.readouterr().out.count("tracked  fake show\n") == 1
    superposition_jax.run(FAKE)  # nothing is written
    assert len(logged) == 1


def test_shards_are_logged_when_they_are_merged(logged, tmp_path):
    for shard in ("0/2", "1/2"):
        superposition_jax.run([*FAKE, f"runtime.shard={shard}", "figures=[]"], directory=tmp_path)
    assert logged == []
    shards.merge(tmp_path)
    assert [len(record.rows) for record in logged] == [3]


def test_a_tracker_that_fails_loses_nothing_and_says_so_in_a_line(logged, tmp_path, monkeypatch, capsys):
    def fail(record):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setitem(trackers.TRACKERS, "fake", fail)
    dataset = superposition_jax.run([*FAKE, "figures=[]"], directory=tmp_path)
    assert capsys.readouterr().out == "tracked  not by fake, results are saved: ConnectionError: no network\n"
    assert superposition_jax.load(tmp_path).equals(dataset)
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("name", trackers.PACKAGES)
def test_a_tracker_without_its_package_is_refused_before_training(name, monkeypatch):
    def missing(package):
        raise trackers.importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(trackers.importlib.metadata, "version", missing)
    message = rf"^runtime.tracker = '{name}': needs its package, which the extra \[{name}\] installs$"
    for refuse, multirun in ((run_config.load, []), (before_hydra.check, []), (before_hydra.check, ["-m"])):
        with pytest.raises(ConfigError, match=message):
            refuse([*multirun, f"runtime.tracker={name}"])
