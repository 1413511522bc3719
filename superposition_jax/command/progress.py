"""What the shell shows while a sweep trains: one bar, or plain lines where there is no terminal."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from superposition_jax.command.terminal import count
from superposition_jax.engine.segments import Advanced, ChunkReduced, Compiled, Finished, ProgramsIgnored, Resumed
from superposition_jax.engine.trainer import Trainer
from superposition_jax.types import Spec

_PLAIN_SECONDS = 5.0
"""Seconds between two plain lines of progress."""


def describe(spec: Spec) -> str:
    """A Spec in a few words."""
    size = f"order {spec.order}" if spec.estimator == "quadrature" else f"batch {spec.batch_size}"
    estimator = spec.estimator if spec.expectation == "sampled" else f"{spec.estimator}, {spec.expectation}"
    return f"n={spec.n_features} m={spec.n_hidden} {spec.activation}, {estimator}, {size}, {spec.steps} steps"


class Shell:
    """Turns the engine's reports, with which it is called, into lines and a progress bar. Train within the context `bar`."""

    def __init__(self, console: Console, trainer: Trainer) -> None:
        self.console, self.groups, self.total = console, trainer.groups, trainer.model_steps
        self.seconds = [{"compile": 0.0, "train": 0.0, "evaluate": 0.0} for _ in self.groups]
        self.done, self.diverged, self.models_left, self.program = 0, 0, 0, Compiled(0, 0, 0, 0.0)
        self.printed = time.perf_counter()
        percent, left = TextColumn("{task.percentage:.0f} %  {task.fields[detail]}"), TextColumn("left")
        columns = TextColumn("{task.description}"), BarColumn(), percent, TimeRemainingColumn(), left
        self.bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("compiling", total=self.total, detail="")

    def __call__(self, report: Compiled | Advanced | Finished | Resumed | ChunkReduced | ProgramsIgnored) -> None:
        """Show one report."""
        match report:
            case Resumed(models, steps):
                self.total -= models * steps
                self.console.print(f"{count(models, 'model')} trained for {steps:,} steps before")
            case ChunkReduced(group, chunk, needed, free):
                why = f"the program needs {needed / 2**30:.2g} GiB" if needed else "memory ran out"
                left = f"{free / 2**30:.2g} GiB are free: {count(chunk, 'model')} per device at a time"
                self.console.print(f"program {group + 1}/{len(self.groups)}: {why}, {left} (runtime.chunk)")
            case ProgramsIgnored(group, why):
                self.console.print(f"program {group + 1}/{len(self.groups)}: compiled again; kept programs are not used: {why}")
            case Compiled():
                self.program, self.models_left = report, report.models
                self.seconds[report.group]["compile"] += report.seconds
            case Advanced(models, steps, seconds, diverged):
                self.done += models * steps
                self.seconds[self.program.group]["train"] += seconds
                self._show(self.diverged + diverged)
            case Finished(models, seconds, diverged):
                self.models_left -= models
                self.diverged += diverged
                self.seconds[self.program.group]["evaluate"] += seconds
                if models and not self.models_left:
                    self._sum_up()

    def totals(self) -> dict[str, float]:
        """Seconds spent compiling, training and evaluating, over all groups."""
        return {name: round(sum(group[name] for group in self.seconds), 3) for name in self.seconds[0]}

    def _sum_up(self) -> None:
        group, models, chunk, _ = self.program
        seconds = "compiled in {compile:.1f} s, trained in {train:.1f} s, evaluated in {evaluate:.1f} s"
        name, size = f"program {group + 1}/{len(self.groups)}", f"{count(models, 'model')}, {chunk} per device at a time"
        self.console.print(f"{name}: {size}, {describe(self.groups[group].spec)}: {seconds.format(**self.seconds[group])}")

    def _show(self, diverged: int) -> None:
        rate = self.done / max(self.totals()["train"], 1e-9)
        detail = f"{rate:,.0f} models·steps/s" + (f"  {diverged} diverged" if diverged else "")
        self.bar.update(self.task, completed=self.done, description="training", detail=detail)
        now = time.perf_counter()
        if not self.console.is_terminal and now - self.printed > _PLAIN_SECONDS:
            self.printed = now
            percent, left = 100 * self.done / self.total, (self.total - self.done) / rate
            self.console.print(f"training  {percent:.0f} %  {detail}  {left:.0f} s of training left")
