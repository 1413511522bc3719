"""Hydra's launcher of multiruns: all jobs are trained together, one compiled program per Spec; then each gets its folder."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from superposition_jax.config.compose import PLUGIN, settings, without_hydra
from superposition_jax.errors import ConfigError, TableFailed

Overrides = dict[str, Any]
"""Value of every override of a job, by key."""
_MANY = 500
"""Jobs from which a hint names sweep.axes."""


class BatchLauncher(Launcher):
    """Trains every batch of jobs that a sweeper launches in as few programs as they have Specs."""

    latest: ClassVar["BatchLauncher | None"] = None
    """Hydra's own instance."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives, and compose jobs by a `Composer`, also where the sweeper sees whether they can be composed."""
        self.context, self.config, self.jobs, self.folders = hydra_context, config, [], []
        BatchLauncher.latest = self
        loader = hydra_context.config_loader
        self.compose = vars(loader)["load_sweep_config"] = Composer(loader)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Compose, train together, and hand every job its own result; a job that fails, fails alone."""
        from superposition_jax.command import multirun, pipeline, terminal
        from superposition_jax.command.jobs import ALL
        from superposition_jax.storage import outputs

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        folder = Path(str(self.config.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        if initial_job_idx == 0 and len(job_overrides) > _MANY:
            hint = "most of the time goes into a folder for each; for thousands of models, use sweep.axes"
            sys.stdout.write(f"{len(job_overrides)} jobs: {hint}\n")
        configs = numbered([self.compose(self.config, list(overrides)) for overrides in job_overrides], initial_job_idx)
        folders = folders_of(configs)
        refuse_shared(folder, [*self.folders, *folders])
        for job in folders:
            outputs.refuse_foreign_to_hydra(job)
        plain, given = [*map(without_hydra, configs)], [*map(overrides_of, job_overrides)]
        are_all = ALL in self.config.hydra.overrides.task
        jobs = multirun.train(plain, given, folder, initial_job_idx, folders, are_all_experiments=are_all)
        with pipeline.saying_how_to_go_on(terminal.console_for(True), terminal.same_command(folder)):
            returned, failed = [], None
            for config, job in zip(configs, jobs, strict=True):
                try:
                    returned.append(self._finish(config, job))
                except TableFailed as error:  # the others have their results, and what is trained is kept
                    failed = failed or error
            if failed:
                raise failed
        self.jobs += jobs
        self.folders += folders
        return returned

    def close(self) -> None:
        """Put the jobs of all batches together, and log them as one run: Hydra does not say which batch is the last."""
        from superposition_jax.command import multirun_results, pipeline, terminal

        if self.jobs:
            folder = Path(str(self.config.hydra.sweep.dir))
            with pipeline.saying_how_to_go_on(terminal.console_for(True), terminal.same_command(folder)):
                dataset = multirun_results.save(self.jobs, self.folders, folder)
            multirun_results.track(self.jobs, dataset, folder)

    def _finish(self, config: DictConfig, job: Any) -> JobReturn:
        """Let Hydra make the job's folder, .hydra/ and log, and call its callbacks, around saving what was trained."""
        try:
            returned = run_job(
                hydra_context=self.context,
                task_function=lambda _: job.finish(Path(config.hydra.runtime.output_dir)),
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
        finally:
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        if returned.status == JobStatus.FAILED and isinstance(returned._return_value, (OSError, TableFailed)):
            raise returned._return_value  # the disk fails, or what is to be measured
        return returned


def numbered(configs: Sequence[DictConfig], first: int = 0) -> list[DictConfig]:
    """The configs of jobs with their numbers, from `first` on, as Hydra gives them."""
    for number, config in enumerate(configs, start=first):
        with open_dict(config.hydra.job):
            config.hydra.job.id, config.hydra.job.num = str(number), number
    return [*configs]


def folders_of(configs: Sequence[DictConfig]) -> list[Path]:
    """The folders that Hydra will make for jobs that are numbered."""
    folders = []
    for config in configs:
        with seen_by_hydra(config):
            folders.append(Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir)))
    return folders


@contextmanager
def seen_by_hydra(config: DictConfig) -> Generator[None]:
    """A context in which `${hydra:…}` is what it is in a config."""
    state = HydraConfig.instance()
    before = state.cfg
    try:
        vars(state)["cfg"] = config
        yield
    finally:
        state.cfg = before


def refuse_shared(folder: Path, folders: Sequence[Path]) -> None:
    """Raise ConfigError if two jobs of a multirun would have the same folder, or one of them the multirun's own."""
    numbers: dict[Path, int] = {}
    for number, path in enumerate(folders):
        earlier = numbers.setdefault(path.resolve(), number)
        if earlier != number or path.resolve() == folder.resolve():
            sharing = f"jobs {earlier} and {number}" if earlier != number else f"the multirun and job {number}"
            raise ConfigError(f"hydra.sweep.subdir: {sharing} would share the folder {path}; give each job its own")


def overrides_of(job: Sequence[str]) -> Overrides:
    """A job's overrides, Hydra's own left out."""
    return {key: value for key, value in settings(job).items() if not key.startswith(("hydra.", "hydra/"))}


def name_of(overrides: Overrides) -> str:
    """The name of a job: its overrides, as on the command line."""
    return " ".join(f"{key}={value}" for key, value in overrides.items())


class Composer:
    """The config loader's `load_sweep_config`, many times faster: for jobs that differ in leaves only, it composes once."""

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader, self.compose = loader, loader.load_sweep_config
        self.parser = OverridesParser.create(config_loader=loader)
        self.templates: dict[tuple[str, ...], DictConfig] = {}
        self.groups: dict[str, bool] = {}

    def __call__(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The config of a job."""
        parsed = self.parser.parse_overrides(sweep_overrides)
        leaves = [override for override in parsed if self._is_leaf(override)]
        kind = tuple(str(p.key_or_group if p in leaves else p.input_line) for p in parsed)
        if kind not in self.templates:
            self.templates[kind] = self.compose(master_config, sweep_overrides)
            return deepcopy(self.templates[kind])
        job = deepcopy(self.templates[kind])
        OmegaConf.copy_cache(from_config=master_config, to_config=job)
        with open_dict(job):
            for override in leaves:
                OmegaConf.update(job, override.key_or_group, override.value(), merge=False)
            task = [override for override in parsed if not override.is_hydra_override()]
            job.hydra.overrides.task = [override.input_line for override in task]
            if not OmegaConf.is_interpolation(job.hydra.job, "override_dirname"):  # as it is from Hydra 1.4 on
                settings = master_config.hydra.job.config.override_dirname
                lines = sorted(str(p.input_line) for p in task if p.key_or_group not in settings.exclude_keys)
                job.hydra.job.override_dirname = settings.item_sep.join(lines).replace("=", settings.kv_sep)
        return job

    def _is_leaf(self, override: Override) -> bool:
        """Whether an override changes a value of the composed config and nothing of how it is composed."""
        if override.type != OverrideType.CHANGE or override.package is not None or override.is_hydra_override():
            return False
        key = override.key_or_group
        if key not in self.groups:
            self.groups[key] = bool(self.loader.get_group_options(key))
        return not self.groups[key] and not isinstance(override.value(), dict)


def register() -> None:
    """Let Hydra find the launcher by the name that `hydra/launcher=batch` has, below hydra_plugins, where alone it looks."""
    plugins, module = Plugins.instance(), ModuleType(PLUGIN)
    vars(module)["BatchLauncher"] = BatchLauncher
    if find_spec("hydra_plugins") is None:
        sys.modules["hydra_plugins"] = ModuleType("hydra_plugins")
    sys.modules[PLUGIN] = module
    BatchLauncher.__module__ = PLUGIN
    plugins.register(BatchLauncher)
