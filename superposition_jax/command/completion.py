"""TAB in bash and zsh: completes what Hydra does not know, beside its groups, options and keys.

The scripts are not Hydra's, which split a quoted argument with spaces, and write errors into the middle of the line.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from superposition_jax.command.folder_commands import COMMANDS
from superposition_jax.errors import ConfigError

_BASH = """\
_superposition_jax() {
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" "$1" -sc query=bash 2> /dev/null))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -F _superposition_jax superposition-jax
"""
_ZSH = f"""\
autoload -Uz compinit bashcompinit
(( $+functions[compdef] )) || compinit
bashcompinit
{_BASH}"""
_GONE = "complete -r superposition-jax\n"
SCRIPTS = {"install=bash": _BASH, "install=zsh": _ZSH, "uninstall=bash": _GONE, "uninstall=zsh": _GONE}
"""What `-sc` writes, for the shell to evaluate. As in Hydra's script, `=` does not split words in bash."""

_WORDS = ("--list", "experiment=all", *(f"{command}=" for command in COMMANDS))
"""Words of the command line that Hydra does not know."""


def answer(arguments: list[str]) -> bool:
    """Answer `-sc`: install, uninstall, and queries that are not Hydra's; False where Hydra is to answer."""
    if not arguments or arguments[0] not in ("-sc", "--shell-completion"):
        return False
    if arguments[1:] != ["query=bash"]:
        if len(arguments) != 2 or arguments[1] not in SCRIPTS:
            raise ConfigError(f"{' '.join(arguments)}: -sc takes install= or uninstall=, bash or zsh")
        sys.stdout.write(SCRIPTS[arguments[1]])
        return True
    line = os.environ.get("COMP_LINE", "")
    try:
        _, *before, word = shlex.split(f"{line[: int(os.environ.get('COMP_POINT') or len(line))]}''")  # the last has not ended
    except ValueError:  # it is quoted
        return True
    completions = [] if "--list" in before else _completions(word)
    words = [name for name in _WORDS if name.startswith(word)] if completions is None else completions
    sys.stdout.writelines(f"{name}\n" for name in words)
    os.environ["COMP_LINE"] = " ".join(["superposition-jax", *(other for other in before if " " not in other), word])
    return completions is not None or word.startswith("-")


def _completions(word: str) -> list[str] | None:
    """What a word may become: a folder, or a value of a choice; None if Hydra knows better."""
    key, given, value = word.partition("=")
    if given and key in COMMANDS:
        return [f"{key}={folder}" for folder in _folders(value)]
    if not given or "." not in key:
        return None
    from superposition_jax.config.rules import Choice
    from superposition_jax.config.schema import LEAVES, RUNTIME

    rule = (LEAVES | RUNTIME).get(key)
    names = [str(name).lower() for name in rule.names] if isinstance(rule, Choice) else []
    return [f"{key}={name}" for name in names if name.startswith(value)] or None


def _folders(begun: str) -> Iterator[str]:
    """Folders, with a slash where they are no run's; none whose name needs quotes."""
    parent, slash, name = begun.rpartition("/")
    for path in sorted(Path(parent + slash).glob("*/")):
        folder = f"{parent}{slash}{path.name}{'' if (path / 'manifest.json').is_file() else '/'}"
        if path.name.startswith(name) and shlex.quote(folder) == folder:
            yield folder
