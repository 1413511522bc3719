"""What the trackers' own packages hold after a run, without network (marker `trackers`); and a tracker of the user's."""

import json
import struct
import sys

import numpy as np
import pytest
from shell import run

import superposition_jax
from superposition_jax.results import trackers

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


@pytest.mark.slow
def test_a_tracker_of_the_users_has_one_run_of_a_multirun(tmp_path):
    """In two batches, of which the second has a job that diverges."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    jobs = ["-m", "hydra.sweep.dir=out", "hydra.sweeper.max_batch_size=2", "train.learning_rate=0.01,0.02,0.03,1e30"]
    jobs += ["imports=[mine]", "runtime.tracker=mine", "model.n_features=6", "train.steps=5", "figures=[summary]"]
    done = run(*jobs, cwd=tmp_path, status=1)
    assert done.stdout.count("index    ") == 1
    assert done.stdout.splitlines()[-1] == "tracked  cat log"
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == ["single out", 5, 4, ["summary.png"]]


@pytest.mark.slow
def test_a_missing_package_is_one_line_and_no_folder(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    done = run("imports=[mine]", "runtime.tracker=absent", cwd=tmp_path, status=2, PYTHONDONTWRITEBYTECODE="1")
    words = "superposition_jax: runtime.tracker = 'absent': needs its package, which the extra [absent] installs\n"
    assert (done.stdout, done.stderr) == ("", words)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


WATCHED = """
import runpy, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        sys.__stderr__.write(f"network: {event} {arguments[1:]}\\n")

sys.addaudithook(watch)
runpy.run_module("superposition_jax.run", run_name="__main__", alter_sys=True)
"""


def tracked(cwd, tracker, **environment):
    """A sweep in a folder `out` by the command, without network: its record, and what was said of the tracker."""
    sweep = ["sweep=sparsity", "sweep.axes.seed.range=2", "train.steps=40", "train.snapshots=3", "figures=[summary,film]"]
    sweep += ["model.n_features=6", f"runtime.tracker={tracker}", "hydra.run.dir=out"]
    home = {"HOME": str(cwd), "HF_HOME": str(cwd / "hf"), "TRACKIO_DIR": str(cwd / "store"), "HF_TOKEN": "hf_none"}
    done = run(*sweep, cwd=cwd, program=(sys.executable, "-c", WATCHED), status=0, **home, **environment)
    assert done.stderr == ""
    said = done.stdout.splitlines()[-1]
    assert said.startswith("tracked  ")
    return trackers.record(superposition_jax.load(cwd / "out"), cwd / "out"), said


def named(record):
    """The table, a dict a model."""
    return without_nan([dict(zip(record.columns, row, strict=True)) for row in record.rows])


def without_nan(rows):
    """Rows with None for NaN, which every package stores in its own way."""
    return [{name: None if str(value).lower() in ("nan", "none") else value for name, value in row.items()} for row in rows]


@pytest.mark.trackers
def test_trackio(tmp_path):
    record, said = tracked(tmp_path, "trackio")
    assert said == "tracked  trackio show --project superposition_jax"

    def read(*arguments):
        given, store = [*arguments, "--project", "superposition_jax", "--json"], str(tmp_path / "store")
        return json.loads(run(*given, program=(sys.executable, "-m", "trackio.cli"), status=0, TRACKIO_DIR=store).stdout)

    assert read("list", "runs")["runs"] == ["sparsity out"]
    assert read("get", "run", "--run", record.name)["config"].items() >= record.config.items()
    for name in record.curve[40]:
        values = read("get", "metric", "--run", record.name, "--metric", name)["values"]
        assert {value["step"]: value["value"] for value in values} == {s: of[name] for s, of in record.curve.items()}
    (last,) = read("get", "snapshot", "--run", record.name, "--step", "40")["metrics"]["models"]
    assert without_nan(last["value"]["_value"]) == named(record)
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
    assert without_nan([dict(zip(found["columns"], row, strict=True)) for row in found["data"]]) == named(record)
    media = folder.glob("files/media/images/**/*.*")
    assert {path.read_bytes() for path in media} == {file.read_bytes() for file in record.figures}
