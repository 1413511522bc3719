"""Commands on a run's folder, `<name>=<folder>`; the folder knows its config."""

import sys
from pathlib import Path
from typing import Any

import yaml

from superposition_jax.errors import ConfigError

COMMANDS = {"merge": None, "resume": "runtime.", "info": None, "explore": None}
"""The prefix of the keys that a command takes beside it. `merge` joins shards, `resume` goes on with a run, `info` says what a
folder holds, `explore` writes its page."""


def answer(arguments: list[str]) -> bool:
    """Do the command on a folder that is asked for; False if none is."""
    given = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
    name = next((name for name in COMMANDS if name in given), None)
    if name is None:
        return False
    prefix, folder = COMMANDS[name], Path(given.pop(name))
    if other := [key for key in given if prefix is None or not key.startswith(prefix)]:
        why = f"{name}={folder} takes {f'{prefix}… only' if prefix else 'nothing'} beside it; the folder knows its config"
        raise ConfigError(f"{other[0]} = {given[other[0]]!r}: {why}")
    try:
        keys = {key.removeprefix(prefix or ""): yaml.safe_load(value) for key, value in given.items()}
    except yaml.YAMLError as error:
        raise ConfigError(f"{', '.join(f'{key}={value}' for key, value in given.items())}: cannot be read") from error
    _do(name, folder, keys)
    return True


def _do(name: str, folder: Path, keys: dict[str, Any]) -> None:
    from superposition_jax.command import api, info, shards, terminal

    if name == "merge":
        shards.merge(folder)
    elif name == "resume":
        shards.resume(folder, keys)
    elif name == "info":
        terminal.write_table(str(folder), info.rows(folder))
    else:
        try:
            page = api.explore(folder)
        except FileNotFoundError as error:
            raise ConfigError(f"explore = {str(folder)!r}: has no run; give a folder like outputs/<name>/<time>") from error
        except ValueError as error:
            raise ConfigError(f"explore = {str(folder)!r}: {error}") from error
        sys.stdout.write(f"explore  {page.file}\n")
