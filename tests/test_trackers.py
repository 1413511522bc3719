"""RunConfig trackers: what is logged, of which sweeps, and what the real ones then have (marker `trackers`)."""

import csv
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

import superposition_jax
from superposition_jax.command import before_hydra, shards
from superposition_jax.config import run_config
from superposition_jax.errors import ConfigError
from superposition_jax.results import trackers

SMALL = ["model.n_features=6", "model.n_hidden=2", "+sweep.axes.seed={path: seed, range: 3}"]
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
    assert record.config["train"]["learning_rate"] == 0.02
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
        dataset = superposition_jax.run(
            [*SMALL, "train.steps=5", "runtime.tracker=fake", "figures=[loss_curves]"], directory=tmp_path, progress=True
        )
    shards.resume(tmp_path, {})
    assert [record.folder for record in logged] == [tmp_path]
    assert [file.name for file in logged[0].figures] == ["loss_curves.png"]
    assert len(logged[0].rows) == dataset["loss"].size
    assert capsys.readouterr().out.count("tracked  fake show\n") == 1
    superposition_jax.run([*SMALL, "train.steps=5", "runtime.tracker=fake"])  # nothing is written
    assert len(logged) == 1


def test_shards_are_logged_when_they_are_merged(logged, tmp_path):
    for shard in ("0/2", "1/2"):
        overrides = [*SMALL, "train.steps=5", "runtime.tracker=fake", f"runtime.shard={shard}", "figures=[]"]
        superposition_jax.run(overrides, directory=tmp_path)
    assert logged == []
    shards.merge(tmp_path)
    assert [len(record.rows) for record in logged] == [3]


def test_a_tracker_that_fails_loses_nothing_and_says_so_in_a_line(logged, tmp_path, monkeypatch, capsys):
    def fail(record):
        raise ConnectionError("no\nnetwork")

    monkeypatch.setitem(trackers.TRACKERS, "fake", fail)
    dataset = superposition_jax.run([*SMALL, "train.steps=5", "runtime.tracker=fake", "figures=[]"], directory=tmp_path)
    line = "tracked  not by fake, results are saved: ConnectionError: no network\n"
    assert capsys.readouterr().out == line
    assert superposition_jax.load(tmp_path).equals(dataset)
    assert json.loads((tmp_path / "manifest.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("name", trackers.PACKAGES)
def test_a_tracker_without_its_package_is_refused_before_training(name, monkeypatch):
    def missing(package):
        raise trackers.importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(trackers.importlib.metadata, "version", missing)
    message = rf"^runtime.tracker = '{name}': needs its package, which the extra \[{name}\] installs$"
    for refuse in (
        run_config.load,
        before_hydra.checked_config,
        lambda overrides: before_hydra.checked_config(["-m", *overrides]),
    ):
        with pytest.raises(ConfigError, match=message):
            refuse([f"runtime.tracker={name}"])


MODULE = '''
import json

from superposition_jax import trackers


def mine(sweep):
    """Lines of JSON."""
    with open("log", "a") as log:
        print(json.dumps([sweep.name, sweep.last, len(sweep.rows), [file.name for file in sweep.figures]]), file=log)
    return "cat log"


trackers.TRACKERS["mine"] = mine
trackers.PACKAGES = (*trackers.PACKAGES, "absent")
trackers.TRACKERS["absent"] = mine
'''


def command(cwd, *overrides, program=("-m", "superposition_jax.run"), expected=0, **environment):
    """The command, in a folder of its own."""
    run = [sys.executable, *program, *overrides, "model.n_features=6"]
    done = subprocess.run(run, cwd=cwd, env=os.environ | environment, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == expected, done.stderr
    return done


@pytest.mark.slow
def test_a_tracker_of_the_users_has_one_run_of_a_multirun(tmp_path):
    """In two batches, of which the second has a job that diverges."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    jobs = ["-m", "hydra.sweep.dir=out", "hydra.sweeper.max_batch_size=2", "train.learning_rate=0.01,0.02,0.03,1e30"]
    done = command(tmp_path, *jobs, "imports=[mine]", "runtime.tracker=mine", "train.steps=5", "figures=[summary]", expected=1)
    assert done.stdout.count("index    ") == 2
    assert done.stdout.splitlines()[-1] == "tracked  cat log"
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == ["single out", 5, 4, ["summary.png"]]


def test_a_missing_package_is_one_line_and_no_folder(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    done = command(tmp_path, "imports=[mine]", "runtime.tracker=absent", expected=2, PYTHONDONTWRITEBYTECODE="1")
    assert done.stdout == ""
    assert done.stderr == (
        "superposition_jax: runtime.tracker = 'absent': needs its package, which the extra [absent] installs\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


WATCHED = """
import runpy, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        sys.__stderr__.write(f"network: {event} {arguments[1:]}\\n")

sys.addaudithook(watch)
runpy.run_module("superposition_jax.run", run_name="__main__", alter_sys=True)
"""
"""The command, which tells of every use that Python makes of the network."""


def tracked(cwd, tracker, **environment):
    """A sweep in a folder `out` by the command, without network: its record, and what was said of the tracker."""
    sweep = ["sweep=sparsity", "sweep.axes.seed.range=2", "train.steps=40", "train.snapshots=3", "figures=[summary,film]"]
    home = {"HOME": str(cwd), "HF_HOME": str(cwd / "hf"), "TRACKIO_DIR": str(cwd / "store"), "HF_TOKEN": "hf_none"}
    done = command(cwd, *sweep, f"runtime.tracker={tracker}", "hydra.run.dir=out", program=("-c", WATCHED), **home, **environment)
    assert done.stderr == ""
    said = done.stdout.splitlines()[-1]
    assert said.startswith("tracked  ")
    return trackers.record(superposition_jax.load(cwd / "out"), cwd / "out"), said


def named(record):
    """The table, a dict a model."""
    return [dict(zip(record.columns, row, strict=True)) for row in record.rows]


@pytest.mark.trackers
def test_trackio(tmp_path):
    record, said = tracked(tmp_path, "trackio")
    assert said == "tracked  trackio show --project superposition_jax"

    def read(*arguments):
        program = [sys.executable, "-m", "trackio.cli", *arguments, "--project", "superposition_jax", "--json"]
        environment = os.environ | {"TRACKIO_DIR": str(tmp_path / "store")}
        return json.loads(subprocess.run(program, env=environment, check=True, capture_output=True, encoding="utf-8").stdout)

    assert read("list", "runs")["runs"] == ["sparsity out"]
    assert read("get", "run", "--run", record.name)["config"].items() >= record.config.items()
    for name in record.curve[40]:
        values = read("get", "metric", "--run", record.name, "--metric", name)["values"]
        assert {value["step"]: value["value"] for value in values} == {s: of[name] for s, of in record.curve.items()}
    (last,) = read("get", "snapshot", "--run", record.name, "--step", "40")["metrics"]["models"]
    assert last["value"]["_value"] == named(record)
    media = [path for path in tmp_path.glob("store/media/**/*") if path.is_file()]
    assert {path.read_bytes() for path in media} == {file.read_bytes() for file in record.figures}


@pytest.mark.trackers
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    record, said = tracked(tmp_path, "tensorboard")
    folder = said.removeprefix("tracked  tensorboard --logdir ")
    events = EventAccumulator(folder, size_guidance={"tensors": 0}).Reload()  # all of them
    for name in record.curve[40]:
        read = {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(name)}
        assert read == {step: np.float32(values[name]) for step, values in record.curve.items()}
    (report,), (settings,) = events.Tensors("report"), events.Tensors("config")
    assert record.report.split("\n", 1)[1] in make_ndarray(report.tensor_proto).item().decode()
    assert json.loads(make_ndarray(settings.tensor_proto).item().decode().strip("`json")) == record.config
    for file in record.figures:
        assert [event.encoded_image_string for event in events.Images(f"figures/{file.stem}")] == [file.read_bytes()]


def offline(path):
    """The records of a file that W&B writes offline: LevelDB's log format, of blocks of 32 kB, after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, content = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if (left := 2**15 - place % 2**15) < 7:
            place += left
            continue
        size, kind = struct.unpack_from("<HB", data, place + 4)
        content += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # a whole record, or the end of one
            yield Record.FromString(content)
            content = b""


@pytest.mark.trackers
def test_wandb_offline(tmp_path):
    record, said = tracked(tmp_path, "wandb", WANDB_ERROR_REPORTING="false")
    (folder,) = tmp_path.glob("out/wandb/offline-run-*")
    assert said == f"tracked  wandb sync {folder}"
    (file,) = folder.glob("*.wandb")
    records = list(offline(file))
    (run,) = (each.run for each in records if each.HasField("run"))
    assert (run.project, run.display_name) == ("superposition_jax", record.name)
    assert record.report.split("\n", 1)[1] in run.notes
    settings = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert settings.items() >= record.config.items()
    curve = {}
    for each in records:
        if each.HasField("history"):
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in each.history.item}
            curve[each.history.step.num] = {name: items[name] for name in items if name.startswith("loss_curve/")}
    assert curve == record.curve
    (table,) = folder.glob("files/media/table/*.json")
    found = json.loads(table.read_text())
    assert [dict(zip(found["columns"], row, strict=True)) for row in found["data"]] == named(record)
    media = folder.glob("files/media/images/**/*.*")
    assert {path.read_bytes() for path in media} == {file.read_bytes() for file in record.figures}
