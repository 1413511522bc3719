"""What the shell shows while a sweep trains: one bar, or plain lines where there is no terminal."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from superposition_jax.command.terminal import count
from superposition_jax.engine.segments import Advanced, ChunkReduced, Compiled, Finished, Resumed
from superposition_jax.engine.trainer import Trainer
from superposition_jax.types import Spec

_PLAIN_SECONDS = 5.0
"""Seconds between two plain lines of progress."""


def describe(spec: Spec) -> str:
    """A Spec in a few words."""
    size = f"order {spec.order}" if spec.estimator == "quadrature" else f"batch {spec.batch_size}"
    return f"n={spec.n_features} m={spec.n_hidden} {spec.activation}, {spec.estimator}, {size}, {spec.steps} steps"


class Shell:
    """Turns the engine's reports into a progress bar and a line per program. Use as a context; call it with each report."""

    def __init__(self, console: Console, trainer: Trainer) -> None:
        self.console, self.groups, self.total = console, trainer.groups, trainer.model_steps
        self.seconds = [{"compile": 0.0, "train": 0.0, "evaluate": 0.0} for _ in self.groups]
        self.group, self.done, self.diverged, self.models, self.models_left, self.chunk = -1, 0, 0, 0, 0, 0
        self.printed = time.perf_counter()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %  {task.fields[detail]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("compiling", total=self.total, detail="")

    def __enter__(self) -> "Shell":
        self.bar.start()
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def __call__(self, report: Compiled | Advanced | Finished | Resumed | ChunkReduced) -> None:
        """Show one report."""
        if isinstance(report, Resumed):
            self.total -= report.models * report.steps
            self.console.print(f"{count(report.models, 'model')} trained for {report.steps:,} steps before")
        elif isinstance(report, ChunkReduced):
            needed = f"the program needs {report.needed / 2**30:.2g} GiB" if report.needed else "memory ran out"
            left = f"{report.free / 2**30:.2g} GiB are free: {count(report.chunk, 'model')} per device at a time"
            self.console.print(f"program {self._name(report.group)}: {needed}, {left} (runtime.chunk)")
        elif isinstance(report, Compiled):
            self.group = report.group
            self.models = self.models_left = report.models
            self.chunk = report.chunk
            self._spend("compile", report.seconds)
        elif isinstance(report, Advanced):
            self.done += report.models * report.steps
            self._spend("train", report.seconds)
            self._show(self.diverged + report.diverged)
        else:
            self.models_left -= report.models
            self.diverged += report.diverged
            self._spend("evaluate", report.seconds)
            if not self.models_left:
                self._sum_up()

    def totals(self) -> dict[str, float]:
        """Seconds spent compiling, training and evaluating, over all groups."""
        return {name: round(sum(group[name] for group in self.seconds), 3) for name in self.seconds[0]}

    def _spend(self, what: str, seconds: float) -> None:
        self.seconds[self.group][what] += seconds

    def _name(self, group: int) -> str:
        return f"{group + 1}/{len(self.groups)}"

    def _sum_up(self) -> None:
        spec, seconds = self.groups[self.group].spec, self.seconds[self.group]
        self.console.print(
            f"program {self._name(self.group)}: {count(self.models, 'model')}, "
            f"{self.chunk} per device at a time, {describe(spec)}: "
            f"compiled in {seconds['compile']:.1f} s, trained in {seconds['train']:.1f} s, "
            f"evaluated in {seconds['evaluate']:.1f} s"
        )

    def _show(self, diverged: int) -> None:
        rate = self.done / max(self.totals()["train"], 1e-9)
        detail = f"{rate:,.0f} models·steps/s"
        detail += f"  {diverged} diverged" if diverged else ""
        self.bar.update(self.task, completed=self.done, description="training", detail=detail)
        now = time.perf_counter()
        if not self.console.is_terminal and now - self.printed > _PLAIN_SECONDS:
            self.printed = now
            percent, left = 100 * self.done / self.total, (self.total - self.done) / rate
            self.console.print(f"training  {percent:.0f} %  {detail}  {left:.0f} s of training left")
