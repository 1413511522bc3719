"""Hydra's launcher of multiruns: all jobs are trained together, in one compiled program a Spec, and then each gets its folder.

It is registered by hand (`register`), since Hydra looks for plugins in a package of its own only.
"""

import gc
import pickle
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import yaml
from hydra.core import utils
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf._utils import get_omega_conf_dumper

from superposition_jax.config.compose import PLUGIN, to_dict

MANY = 500
"""Jobs from which a hint names sweep.axes."""


class BatchLauncher(Launcher):
    """Trains every batch of jobs that a sweeper launches in as few programs as they have Specs."""

    latest: ClassVar["BatchLauncher | None"] = None
    """Hydra's own instance."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra gives."""
        self.context, self.config = hydra_context, config
        self.jobs: list[Any] = []
        self.gathered: Any = None
        BatchLauncher.latest = self
        # The sweeper composes every job once more, to see that it can be composed: this one's loader is as fast for it.
        loader = hydra_context.config_loader
        self.compose = vars(loader)["load_sweep_config"] = Composer(loader)
        gc.disable()  # Hydra keeps two configs a job, of thousands of objects each: searching them all for garbage takes long

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Compose, train together, and hand every job its own result; a job that fails, fails alone."""
        save = vars(utils)["_save_config"]
        vars(utils)["_save_config"] = save_config
        try:
            return self._launch(job_overrides, initial_job_idx)
        finally:
            vars(utils)["_save_config"] = save
            gc.enable()

    def _launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from superposition_jax.command import multirun

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        folder = Path(str(self.config.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        if initial_job_idx == 0 and len(job_overrides) > MANY:
            sys.stdout.write(f"{len(job_overrides)} jobs: a folder each takes most of the time; sweep.axes has no such cost\n")
        plain = [_own(config) for config in self._compose(job_overrides, initial_job_idx)]
        jobs = multirun.train(plain, [_values(overrides) for overrides in job_overrides], folder, initial_job_idx)
        configs = self._compose(job_overrides, initial_job_idx)
        returned = [self._finish(config, job) for config, job in zip(configs, jobs, strict=True)]
        self.compose.forget()
        self.jobs += jobs
        self.gathered = multirun.gather(self.jobs, folder), folder
        return returned

    def track(self) -> None:
        """Log all batches as one run, once they are over: Hydra does not say which is the last."""
        from superposition_jax.command import multirun

        if self.gathered:
            multirun.track(self.jobs, *self.gathered)

    def _finish(self, config: DictConfig, job: Any) -> JobReturn:
        """Hydra's own way with a job: folder, .hydra/, log, callbacks. The task hands over what was trained."""
        try:
            return run_job(
                hydra_context=self.context,
                task_function=lambda _: job.finish(Path(config.hydra.runtime.output_dir)),
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
        finally:
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)

    def _compose(self, job_overrides: Sequence[Sequence[str]], first: int) -> Iterator[DictConfig]:
        """The jobs' configs, as Hydra's own composition makes them."""
        seen = set()
        for number, overrides in enumerate(job_overrides, start=first):
            config = self.compose(self.config, list(overrides))
            if id(config) in seen:  # jobs may be equal
                config = self.compose.anew(self.config, list(overrides))
            seen.add(id(config))
            with open_dict(config):
                config.hydra.job.id, config.hydra.job.num = str(number), number
            yield config


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):
    """OmegaConf's dumper, on libyaml where there is one."""

    yaml_representers: ClassVar = get_omega_conf_dumper().yaml_representers


def save_config(config: DictConfig, filename: str, output_dir: Path) -> None:
    """Hydra's own `_save_config` with another dumper, which breaks long lines elsewhere: three files a job take long."""
    output_dir.mkdir(parents=True, exist_ok=True)
    plain = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    text = yaml.dump(plain, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper)
    (output_dir / filename).write_text(text, encoding="utf-8")


def _values(overrides: Sequence[str]) -> dict[str, Any]:
    """Key and value of a job's overrides."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return {override.key_or_group: override.value() for override in parsed if not override.is_hydra_override()}


def _own(config: DictConfig) -> dict[str, Any]:
    """A job's config without Hydra's part, resolved."""
    return {str(key): to_dict(config[key]) for key in config if key != "hydra"}


class _JobConfig(DictConfig):
    """A job's config, or Hydra's part of it. Hydra copies each often, for which pickling takes a third of the time."""

    def __deepcopy__(self, memo: dict[int, Any]) -> DictConfig:
        parent = self._get_parent()
        self._set_parent(None)  # which is not copied
        try:
            copy = pickle.loads(pickle.dumps(self))
        finally:
            self._set_parent(parent)
        copy._set_parent(parent)
        return copy


class Composer:
    """Composes jobs as the config loader's `load_sweep_config`. Where two differ in leaves' values alone, the second is the first
    with other values: far faster. A job is composed to be checked, to be trained and to be finished: once is enough."""

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader, self.compose = loader, loader.load_sweep_config
        self.parser = OverridesParser.create(config_loader=loader)
        self.templates: dict[tuple[str, ...], DictConfig] = {}
        self.groups: dict[str, bool] = {}
        self.made: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The config of a job."""
        key = tuple(sweep_overrides)
        if key not in self.made:
            self.made[key] = self._make(master_config, sweep_overrides)
        return self.made[key]

    def anew(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The config of another job with the same overrides."""
        return self._make(master_config, sweep_overrides)

    def forget(self) -> None:
        """Let go of the configs made."""
        self.made.clear()

    def _make(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        parsed = self.parser.parse_overrides(sweep_overrides)
        groups = [p.input_line or "" for p in parsed if not self._is_leaf(p)]
        kind = (*groups, *(p.key_or_group for p in parsed if self._is_leaf(p)))
        if kind not in self.templates:
            self.templates[kind] = self.compose(master_config, sweep_overrides)
            for config in (self.templates[kind], self.templates[kind].hydra):
                object.__setattr__(config, "__class__", _JobConfig)
            return deepcopy(self.templates[kind])
        job = deepcopy(self.templates[kind])
        OmegaConf.copy_cache(from_config=master_config, to_config=job)
        with open_dict(job):
            for override in parsed:
                if self._is_leaf(override):
                    OmegaConf.update(job, override.key_or_group, override.value(), merge=False)
            own = [override for override in parsed if not override.is_hydra_override()]
            job.hydra.overrides.task = [override.input_line for override in own]
            if not OmegaConf.is_interpolation(job.hydra.job, "override_dirname"):  # as it is from Hydra 1.4 on
                job.hydra.job.override_dirname = _dirname(own, master_config.hydra.job.config.override_dirname)
        return job

    def _is_leaf(self, override: Override) -> bool:
        """Whether an override changes a value of the composed config and nothing of how it is composed."""
        if override.type != OverrideType.CHANGE or override.package is not None or override.is_hydra_override():
            return False
        key = override.key_or_group
        if key not in self.groups:
            self.groups[key] = bool(self.loader.get_group_options(key))
        return not self.groups[key] and not isinstance(override.value(), dict)


def _dirname(overrides: list[Override], settings: DictConfig) -> str:
    """Hydra's override_dirname."""
    lines = sorted(o.input_line or "" for o in overrides if o.key_or_group not in settings.exclude_keys)
    return settings.item_sep.join(lines).replace("=", settings.kv_sep)


def register() -> None:
    """Let Hydra find the launcher under the name that `hydra/launcher=batch` has: one below hydra_plugins."""
    plugins, module = Plugins.instance(), ModuleType(PLUGIN)
    vars(module)["BatchLauncher"] = BatchLauncher
    if find_spec("hydra_plugins") is None:
        sys.modules["hydra_plugins"] = ModuleType("hydra_plugins")
    sys.modules[PLUGIN] = module
    BatchLauncher.__module__ = PLUGIN
    plugins.register(BatchLauncher)
