"""Hydra composes YAML files and overrides into one plain, resolved dict. Imports no JAX, so that `--help` is quick."""

import difflib
import re
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from superposition_jax.errors import ConfigError

VERSION_BASE = {"version_base": "1.3"} if hydra.__version__.startswith("1.3") else {}
"""An argument that Hydra 1.3 asks for and later versions do not."""
_HELP = "; --help lists all keys"
PLUGIN = "hydra_plugins.superposition_jax"
ConfigStore.instance().store("batch", {"_target_": f"{PLUGIN}.BatchLauncher"}, "hydra/launcher", provider="superposition_jax")


def conf_dir() -> str:
    """The folder of YAML files: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return str(next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()))


_ONE_THREAD = threading.RLock()
"""Held while Hydra composes, since its state is global."""


@contextmanager
def our_hydra() -> Generator[None]:
    """Hydra with our configs for one thread at a time, also while another application of Hydra runs."""
    with _ONE_THREAD:
        instance = GlobalHydra.instance()
        outer, instance.hydra = instance.hydra, None
        try:
            with initialize_config_dir(conf_dir(), **VERSION_BASE):
                yield
        finally:
            GlobalHydra.instance().hydra = outer  # which may be another instance by now


def compose(overrides: Sequence[str], config_name: str = "config") -> dict[str, Any]:
    """The config that Hydra overrides describe. Raises ConfigError for one that Hydra does not take, with the nearest key."""
    if isinstance(overrides, str) or not all(isinstance(override, str) for override in overrides):
        raise ConfigError(f"overrides = {overrides!r}: must be a list of strings like ['sweep=sparsity']")
    with our_hydra(), refusing(overrides):
        return to_dict(hydra_compose(config_name=config_name, overrides=list(overrides)))


@contextmanager
def refusing(overrides: Sequence[str]) -> Generator[None]:
    """Errors of Hydra as ConfigError."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, AttributeError, AssertionError, KeyError) as error:
        raise ConfigError(in_one_line(error, overrides)) from error


def to_dict(composed: Any) -> Any:
    """A composed config, or a part of one, as plain values with every interpolation resolved."""
    try:
        return OmegaConf.to_container(composed, resolve=True) if OmegaConf.is_config(composed) else composed
    except OmegaConfBaseException as error:
        raise ConfigError(in_one_line(error, [])) from error


def flatten(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested dicts as (dotted path, value).

    >>> dict(flatten({"seed": 0, "train": {"steps": 5}}))
    {'seed': 0, 'train.steps': 5}
    """
    if not isinstance(tree, dict):
        yield prefix, tree
        return
    for key, value in tree.items():
        yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))


def leaves_of(composed: dict[str, Any]) -> dict[str, Any]:
    """The leaves of a composed config by path, without those of `sweep`."""
    return dict(flatten({key: value for key, value in composed.items() if key != "sweep"}))


def without_hydra(config: DictConfig) -> dict[str, Any]:
    """A config that Hydra has composed for a job, in plain dicts, without what is Hydra's own."""
    return {str(key): to_dict(config[key]) for key in config if key != "hydra"}


def settings(overrides: Sequence[str]) -> dict[str, Any]:
    """Key and value of every override; null for one that deletes its key.

    >>> settings(["train.steps=5", "+sweep.axes.x={path: seed, range: 2}", "~name"])
    {'train.steps': 5, 'sweep.axes.x': {'path': 'seed', 'range': 2}, 'name': None}
    """
    with refusing(overrides):
        return {override.key_or_group: override.value() for override in OverridesParser.create().parse_overrides(list(overrides))}


def nearest(key: str, known: Sequence[str], otherwise: str = _HELP) -> str:
    """The end of a message on an unknown word: `; did you mean …?` with the nearest that is known, or something else."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else otherwise


def refuse_unknown(keys: Iterable[str], known: Sequence[str]) -> None:
    """Raise ConfigError for a key that is not among the known ones."""
    for key in keys:
        if key not in known:
            raise ConfigError(f"{key}: no such key{nearest(key, known)}")


def _known(overrides: Sequence[str]) -> list[str]:
    """Names of all groups, and all keys with the options that the overrides choose."""
    groups = sorted(folder.name for folder in Path(conf_dir()).iterdir() if folder.is_dir())
    chosen = [override for override in overrides if override.partition("=")[0] in groups]
    with our_hydra():
        try:
            composed = hydra_compose(config_name="config", overrides=chosen)
        except (HydraException, OmegaConfBaseException):
            composed = hydra_compose(config_name="config")
    return [*groups, *(key for key, _ in flatten(to_dict(composed)))]


def in_one_line(error: Exception, overrides: Sequence[str], otherwise: str = _HELP) -> str:
    """Hydra's error about some overrides as one line."""
    text = f"{error} {error.__cause__ or ''}"
    if unknown := re.search(r"Could not (?:override|delete from config\.) '([^']+)'", text):
        key, known = unknown[1], _known(overrides)
        if any(other.startswith(f"{key}.") for other in known):
            return f"{key}: is a mapping that keeps its keys; replace it by '~{key}' '+{key}={{…}}', or set one of its keys"
        return f"{key}: no such key{nearest(key, known, otherwise)}"
    if isinstance(error, OverrideParseException):
        word = error.override
        if "=" in word or word.startswith("~"):
            return f"{word}: cannot be read: {' '.join(str(error).splitlines()[0].split())}"
        options = sorted(f"{file.parent.name}={file.stem}" for file in Path(conf_dir()).glob("*/*.yaml"))
        by_name = {option.partition("=")[2]: option for option in reversed(options)}
        close = difflib.get_close_matches(word, by_name, n=1, cutoff=0.6)
        return f"{word}: must be key=value{f'; did you mean {by_name[close[0]]}?' if close else ''}"
    if option := re.search(r"Could not find '([^']+)'", text):
        options = re.search(r"Available options in '[^']*':\s*([\s\S]*?)(?:Config search path|$)", text)
        known = f"; known are: {', '.join(options[1].split())}" if options else ""
        return f"{option[1].replace('/', '=', 1)}: no such option{known}"
    if isinstance(error, HydraException):
        return " ".join(str(error).strip().split("\n")[0].split())
    return f"{' '.join(str(error).split())}, in {' '.join(overrides)}"
