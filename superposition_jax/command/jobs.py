"""The jobs of a multirun before they are trained, split and composed as Hydra does; what no job can do is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from superposition_jax.command.launcher import Composer, Overrides, folders_of, numbered, overrides_of, seen_by_hydra
from superposition_jax.config.compose import leaves_of, our_hydra, refusing, settings, without_hydra
from superposition_jax.errors import ConfigError

if TYPE_CHECKING:
    from superposition_jax.config.run_config import RunConfig

ALL = "experiment=glob(*,exclude=none)"
"""All experiments, as Hydra's multirun writes it."""


class Job(NamedTuple):
    """A job of a multirun."""

    overrides: Overrides
    composed: dict[str, Any]
    folder: Path

    @property
    def is_shard(self) -> bool:
        """Whether it trains a shard of a sweep, of which several have one folder."""
        return leaves_of(self.composed).get("runtime.shard") is not None


class Multirun(NamedTuple):
    """What a command line with `-m` describes."""

    folder: Path
    launcher: str
    jobs: list[Job]
    """Empty where only a sweeper or a running job can say what they are."""
    shared: Overrides
    """Overrides that all jobs have."""

    @property
    def trains_here(self) -> bool:
        """Whether its jobs train on this machine."""
        return self.launcher in ("basic", "batch")


def refuse_job(config: RunConfig, given: Overrides, *, is_one_of_all: bool = False) -> None:
    """Refuse a job for what no job can do, and for what it is given and does not use; of all experiments some use a key."""
    from superposition_jax.config.unused import refuse, unused

    if config.distributed:
        raise ConfigError("runtime.distributed = True: goes with single runs, not with -m")
    if not is_one_of_all:
        refuse(unused(given, config.composed, config.grid))


def compose(overrides: list[str], config_name: str) -> Multirun:
    """A multirun with its jobs, as Hydra's own sweeper splits and composes them."""
    with our_hydra(), refusing(overrides):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(config_name, overrides, RunMode.MULTIRUN)
        parsed = OverridesParser.create(config_loader=loader).parse_overrides([*master.hydra.overrides.task])
        swept = [override for override in parsed if override.is_sweep_override()]
        lines = [override.input_line for override in swept]
        shared = settings([override for override in overrides if override not in lines])
        with seen_by_hydra(master):
            folder = Path(str(master.hydra.sweep.dir))
        multirun = Multirun(folder, master.hydra.runtime.choices["hydra/launcher"], [], shared)
        needs_hydra = any("${hydra:" in str(override.input_line) for override in parsed)  # which only a running job has
        if needs_hydra or "BasicSweeper" not in master.hydra.sweeper._target_:
            return multirun
        if empty := next((override.input_line for override in swept if not [*override.sweep_string_iterator()]), None):
            raise ConfigError(f"{empty}: has no values, so there are no jobs")
        composer, [split] = Composer(loader), BasicSweeper.split_arguments(parsed, None)
        composed = numbered([composer(master, job) for job in split])
        folders, given = folders_of(composed), map(overrides_of, split)
        return multirun._replace(jobs=[*map(Job, given, map(without_hydra, composed), folders)])
