"""Experiment trackers: functions that give the `Record` of a finished sweep to Trackio, TensorBoard or Weights & Biases."""

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
QUANTILES = {"least": 0.0, "q10": 0.1, "median": 0.5, "q90": 0.9}
"""The quantiles over the models of a sweep that are logged, by name."""
MOST_ROWS = 5_000
"""Most rows of the table of models, which trackers show in a browser."""


class Record(NamedTuple):
    """What is logged of a finished sweep."""

    name: str
    """The config's name and the folder's."""
    folder: Path
    """The run's folder, where a tracker may keep its files."""
    config: dict[str, Any]
    """The run's config, and by leaf what its models were trained with, as `train.steps`."""
    curve: dict[int, dict[str, float]]
    """Quantiles of loss_curve over all models that are ok and have that step, by step and name, as `loss_curve/median`."""
    columns: list[str]
    """Columns of the table of models, those of metrics.csv."""
    rows: list[tuple[Any, ...]]
    """A row for each model, or for a random 5,000 of them."""
    report: str
    """Markdown text: folder, number of models, findings, quantiles of every result that is a single number."""
    figures: list[Path]
    """PNG and GIF files."""

    @property
    def last(self) -> int:
        """The last step."""
        return max(self.curve, default=0)


def record(dataset: "xr.Dataset", folder: Path) -> Record:
    """The record of a run, from its Dataset and its folder."""
    from superposition_jax.results import netcdf, select

    columns = netcdf.columns(dataset)
    models, good = columns["status"].size, columns["status"] == "ok"
    picked = np.sort(np.random.default_rng(0).choice(models, min(models, MOST_ROWS), replace=False))
    rows = list(zip(*(column[picked].tolist() for column in columns.values()), strict=True))
    losses = dataset["loss_curve"].transpose("step", *dataset["status"].dims)
    curve = {int(values["step"]): _quantiles(values.values.ravel()[good], "loss_curve/") for values in losses}
    summary = [f"`{folder}`: {models:,} models, {np.sum(good):,} of them ok"]
    summary += [f"The table of models has a random {MOST_ROWS:,} of them."] if models > MOST_ROWS else []
    findings = [f"- {line}" for line in select.findings(dataset)]
    numbers = [name for name in dataset.data_vars if name in columns and name not in ("status", "diverged_at")]
    quantiles = {name: _quantiles(columns[str(name)][good]) for name in numbers}
    table = [f"| {name} | {' | '.join(f'{value:.4g}' for value in of.values())} |" for name, of in quantiles.items() if of]
    head = [f"| over models | {' | '.join(QUANTILES)} |", "|---" * (1 + len(QUANTILES)) + "|"] if table else []
    return Record(
        name=f"{dataset.attrs['name']} {folder.resolve().name}",
        folder=folder,
        config=select.config(dataset) | select.recipe(dataset),
        curve={step: values for step, values in curve.items() if values},
        columns=list(columns),
        rows=rows,
        report="\n\n".join(part for part in (*summary, "\n".join(findings), "\n".join([*head, *table])) if part),
        figures=[file for file in sorted(folder.glob("figures/*")) if file.suffix in (".png", ".gif")],
    )


def _quantiles(values: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Quantiles of the finite values by name; empty if there are none."""
    finite = values[np.isfinite(values)].astype(np.float64)
    quantiles = np.quantile(finite, [*QUANTILES.values()]).tolist() if finite.size else []
    return {f"{prefix}{name}": value for name, value in zip(QUANTILES, quantiles, strict=False)}


def _trackio(sweep: Record) -> str:
    """Log to Trackio's local store ($TRACKIO_DIR), without network unless $TRACKIO_SPACE_ID or _SERVER_URL is set."""
    from unittest.mock import patch

    import trackio
    from huggingface_hub import constants

    local = constants.HF_HUB_OFFLINE or "TRACKIO_SPACE_ID" not in os.environ
    offline = patch.object(constants, "HF_HUB_OFFLINE", local)  # else it asks Hugging Face for the user's name
    with contextlib.redirect_stdout(io.StringIO()), offline, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)  # with which Trackio reports that it could not write something
        run = trackio.init(
            PROJECT, sweep.name, config=sweep.config, embed=False, auto_log_gpu=False, auto_log_cpu=False, resume="never"
        )
        for step, values in sweep.curve.items():
            run.log(values, step=step)
        figures = {f"figures/{file.stem}": trackio.Image(file, caption=file.stem) for file in sweep.figures}
        models = trackio.Table(columns=sweep.columns, data=[list(row) for row in sweep.rows])
        run.log({"report": trackio.Markdown(sweep.report), "models": models, **figures}, step=sweep.last)
        trackio.finish()  # else it does so when Python exits
    if lost := [warning.message for warning in caught if warning.category is UserWarning]:
        raise OSError(str(lost[0]))
    return f"trackio show --project {PROJECT}"


def _tensorboard(sweep: Record) -> str:
    """Log to `tensorboard` in the run's folder, replacing an earlier log. TensorBoard has no tables; the report has quantiles."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb
    from tensorboard.plugins.text.summary_v2 import text_pb
    from tensorboard.summary.writer.record_writer import RecordWriter

    config = f"```json\n{json.dumps(sweep.config, indent=2, ensure_ascii=False)}\n```"
    images = {f"figures/{file.stem}": Summary.Image(encoded_image_string=file.read_bytes()) for file in sweep.figures}
    summaries = [(step, scalar_pb(name, value)) for step, of in sweep.curve.items() for name, value in of.items()]
    summaries += [(sweep.last, text_pb(name, text)) for name, text in (("report", sweep.report), ("config", config))]
    summaries += [(sweep.last, Summary(value=[Summary.Value(tag=tag, image=image)])) for tag, image in images.items()]
    events = [Event(file_version="brain.Event:2"), *(Event(step=step, summary=summary) for step, summary in summaries)]

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            writer = RecordWriter(file)
            for event in events:
                event.wall_time = time.time()
                writer.write(event.SerializeToString())

    folder = sweep.folder / "tensorboard"
    folder.mkdir(exist_ok=True)
    whole(folder / "events.out.tfevents", write)
    return f"tensorboard --logdir {folder}"


def _wandb(sweep: Record) -> str:
    """Log to Weights & Biases; offline, to `wandb` in the run's folder, if nobody is logged in or $WANDB_MODE says so."""
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
        reinit="create_new",  # leaves a run of the caller's open
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    with run:
        for step, values in sweep.curve.items():
            run.log(values, step=step)
        figures = {f"figures/{file.stem}": wandb.Image(str(file)) for file in sweep.figures}
        run.log({"models": wandb.Table(columns=sweep.columns, data=sweep.rows), **figures}, step=sweep.last)
    return f"wandb sync {Path(run.dir).parent}" if mode == "offline" else run.url or mode


TRACKERS: dict[str, Callable[[Record], str]] = {"trackio": _trackio, "tensorboard": _tensorboard, "wandb": _wandb}
"""Functions by name that log a record and return how to look at it, a command or a URL."""
PACKAGES = ("trackio", "tensorboard", "wandb")
"""Trackers that need a package of their name, which an extra of their name installs."""


def refuse_missing_package(name: str | None) -> None:
    """Raise ConfigError if the tracker's package is missing."""
    if name in PACKAGES:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigError(f"runtime.tracker = {name!r}: needs its package, which the extra [{name}] installs") from error
