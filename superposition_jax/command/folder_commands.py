"""Commands on a run's folder, `<name>=<folder>`; the folder knows its config."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from superposition_jax.errors import ConfigError


class FolderCommand(NamedTuple):
    """What a command does, and which keys it takes."""

    do: Callable[[Path, dict[str, Any]], object]
    """Takes the folder, and the keys that stand beside it."""
    keys: str | None = None
    """Prefix that further keys must have; None allows no further keys."""


def _merge(folder: Path, keys: dict[str, Any]) -> None:
    from superposition_jax.command import shards

    shards.merge(folder)


def _resume(folder: Path, keys: dict[str, Any]) -> None:
    from superposition_jax.command import shards

    shards.resume(folder, {key.removeprefix("runtime."): value for key, value in keys.items()})


def _info(folder: Path, keys: dict[str, Any]) -> None:
    from superposition_jax.command import info, terminal

    terminal.write_table(str(folder), info.rows(folder))


def _explore(folder: Path, keys: dict[str, Any]) -> None:
    from superposition_jax.command import api

    try:
        page = api.explore(folder)
    except FileNotFoundError as error:
        raise ConfigError(f"explore = {str(folder)!r}: has no run; give a folder like outputs/<name>/<time>") from error
    sys.stdout.write(f"explore  {page.file}\n")


COMMANDS = {
    "merge": FolderCommand(_merge),
    "resume": FolderCommand(_resume, "runtime."),
    "info": FolderCommand(_info),
    "explore": FolderCommand(_explore),
}
"""`merge` joins shards, `resume` goes on with a run, `info` says what a folder holds, `explore` writes its page."""


def answer(arguments: list[str]) -> bool:
    """Do the command on a folder that is asked for; False if none is."""
    given = {key: value for key, _, value in (argument.partition("=") for argument in arguments)}
    name = next((name for name in COMMANDS if name in given), None)
    if name is None:
        return False
    command, folder = COMMANDS[name], Path(given.pop(name))
    if other := [key for key in given if command.keys is None or not key.startswith(command.keys)]:
        allowed = "nothing" if command.keys is None else f"{command.keys}… only"
        raise ConfigError(
            f"{other[0]} = {given[other[0]]!r}: {name}={folder} takes {allowed} beside it; the folder knows its config"
        )
    try:
        keys = {key: yaml.safe_load(value) for key, value in given.items()}
    except yaml.YAMLError as error:
        raise ConfigError(f"{', '.join(f'{key}={value}' for key, value in given.items())}: cannot be read") from error
    command.do(folder, keys)
    return True
