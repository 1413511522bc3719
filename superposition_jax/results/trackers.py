"""Experiment trackers: a finished sweep as one run of Trackio, TensorBoard or Weights & Biases.

What is logged is worked out once, the same for all of them: a `Record`. A tracker is a function that hands it to a library.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from superposition_jax.errors import ConfigError
from superposition_jax.files import whole

if TYPE_CHECKING:
    import xarray as xr

PROJECT = "superposition_jax"
"""Under which trackers have the runs."""
QUANTILES = {"least": 0.0, "q10": 0.1, "median": 0.5, "q90": 0.9}
"""Over the models of a sweep."""
MOST_ROWS = 5_000
"""Of the table of models: trackers show it in a browser."""


class Record(NamedTuple):
    """A finished sweep, as it is logged."""

    name: str
    """The config's name and the folder's."""
    folder: Path
    """Of the run; who keeps files of its own may keep them there."""
    config: dict[str, Any]
    curve: dict[int, dict[str, float]]
    """By step, quantiles of loss_curve over all models that are ok and have that step; names as `loss_curve/median`."""
    columns: list[str]
    """Of the table: those of metrics.csv."""
    rows: list[tuple[Any, ...]]
    """One a model, of more than 5,000 a random choice."""
    report: str
    """Markdown: the folder, how many models, what was found, quantiles of every result that is a single number."""
    figures: list[Path]
    """PNG and GIF files."""

    @property
    def last(self) -> int:
        """The last step."""
        return max(self.curve, default=0)


def record(dataset: "xr.Dataset", folder: Path) -> Record:
    """What is logged of a run's Dataset and its folder."""
    from superposition_jax.results import netcdf, select

    columns = netcdf.columns(dataset)
    good = columns["status"] == "ok"
    models, picked = good.size, np.arange(good.size)
    if models > MOST_ROWS:
        picked = np.sort(np.random.default_rng(0).choice(models, MOST_ROWS, replace=False))
    rows = list(zip(*(column[picked].tolist() for column in columns.values()), strict=True))
    losses = dataset["loss_curve"].transpose("step", *dataset["status"].dims)
    curve = {int(values["step"]): _quantiles(values.values.ravel()[good], "loss_curve/") for values in losses}
    said = [f"`{folder}`: {models:,} models, {np.sum(good):,} of them ok"]
    said += [f"The table of models has a random {MOST_ROWS:,} of them."] if models > MOST_ROWS else []
    findings = [f"- {line}" for line in select.findings(dataset)]
    numbers = [name for name in dataset.data_vars if name in columns and name not in ("status", "diverged_at")]
    known = {name: _quantiles(columns[str(name)][good]) for name in numbers}
    table = [f"| {name} | {' | '.join(f'{value:.4g}' for value in of.values())} |" for name, of in known.items() if of]
    head = [f"| over models | {' | '.join(QUANTILES)} |", "|---" * (1 + len(QUANTILES)) + "|"] if table else []
    return Record(
        name=f"{dataset.attrs['name']} {folder.resolve().name}",
        folder=folder,
        config=select.config(dataset),
        curve={step: values for step, values in curve.items() if values},
        columns=list(columns),
        rows=rows,
        report="\n\n".join(part for part in (*said, "\n".join(findings), "\n".join([*head, *table])) if part),
        figures=[file for file in sorted(folder.glob("figures/*")) if file.suffix in (".png", ".gif")],
    )


def _quantiles(values: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Quantiles of the finite ones among values, if there are any."""
    finite = values[np.isfinite(values)].astype(np.float64)
    found = np.quantile(finite, [*QUANTILES.values()]).tolist() if finite.size else []
    return {f"{prefix}{name}": value for name, value in zip(QUANTILES, found, strict=False)}


def _trackio(sweep: Record) -> str:
    """Into Trackio's own local store ($TRACKIO_DIR): no server, no network, unless $TRACKIO_SPACE_ID or _SERVER_URL asks."""
    from unittest.mock import patch

    import trackio
    from huggingface_hub import constants

    local = constants.HF_HUB_OFFLINE or "TRACKIO_SPACE_ID" not in os.environ
    offline = patch.object(constants, "HF_HUB_OFFLINE", local)  # else it asks Hugging Face for the name of who is logged in
    with contextlib.redirect_stdout(io.StringIO()), offline, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)  # which is how Trackio says that something could not be written
        run = trackio.init(
            PROJECT, sweep.name, config=sweep.config, embed=False, auto_log_gpu=False, auto_log_cpu=False, resume="never"
        )
        for step, values in sweep.curve.items():
            run.log(values, step=step)
        figures = {f"figures/{file.stem}": trackio.Image(file, caption=file.stem) for file in sweep.figures}
        models = trackio.Table(columns=sweep.columns, data=[list(row) for row in sweep.rows])
        run.log({"report": trackio.Markdown(sweep.report), "models": models, **figures}, step=sweep.last)
        trackio.finish()  # and not again when Python exits
    if lost := [warning.message for warning in said if warning.category is UserWarning]:
        raise OSError(str(lost[0]))
    return f"trackio show --project {PROJECT}"


def _tensorboard(sweep: Record) -> str:
    """Into the run's folder `tensorboard`, in place of what is there. It knows no tables: the report has the quantiles."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    config = f"```json\n{json.dumps(sweep.config, indent=2, ensure_ascii=False)}\n```"
    summaries = [(step, scalar_pb(name, value)) for step, of in sweep.curve.items() for name, value in of.items()]
    summaries += [(sweep.last, text_pb("report", sweep.report)), (sweep.last, text_pb("config", config))]
    for file in sweep.figures:
        image = Summary.Image(encoded_image_string=file.read_bytes())
        summaries.append((sweep.last, Summary(value=[Summary.Value(tag=f"figures/{file.stem}", image=image)])))

    def write(path: Path) -> None:
        now = time.time()
        with open(path, "wb") as file:
            writer = RecordWriter(file)
            writer.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
            for step, summary in summaries:
                writer.write(Event(wall_time=now, step=step, summary=summary).SerializeToString())

    folder = sweep.folder / "tensorboard"
    folder.mkdir(exist_ok=True)
    whole(folder / "events.out.tfevents", write)
    return f"tensorboard --logdir {folder}"


def _wandb(sweep: Record) -> str:
    """To Weights & Biases; offline, into the run's folder `wandb`, where nobody is logged in or $WANDB_MODE says so."""
    import wandb

    known = wandb.run or wandb.login(prompt=False, verify=False)
    mode: Any = os.environ.get("WANDB_MODE") or ("online" if known else "offline")
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=sweep.name,
        notes=sweep.report,
        config=sweep.config,
        dir=sweep.folder,
        mode=mode,
        reinit="create_new",  # a run of the caller's stays open
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    with run:
        for step, values in sweep.curve.items():
            run.log(values, step=step)
        figures = {f"figures/{file.stem}": wandb.Image(str(file)) for file in sweep.figures}
        run.log({"models": wandb.Table(columns=sweep.columns, data=sweep.rows), **figures}, step=sweep.last)
    return f"wandb sync {Path(run.dir).parent}" if mode == "offline" else run.url or mode


TRACKERS: dict[str, Callable[[Record], str]] = {"trackio": _trackio, "tensorboard": _tensorboard, "wandb": _wandb}
"""By name: what logs a sweep and returns where to look at it."""
PACKAGES = ("trackio", "tensorboard", "wandb")
"""Trackers with an extra of their name, and a package of that name in it."""


def refuse_missing_package(name: str | None) -> None:
    """Refuse a tracker whose package is missing; raises ConfigError."""
    if name in PACKAGES:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            why = f"needs its package, which the extra [{name}] installs"
            raise ConfigError(f"runtime.tracker = {name!r}: {why}") from error
