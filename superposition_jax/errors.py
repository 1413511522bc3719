"""Errors that users meet. Imports nothing, so that the command can name them before it imports JAX."""


def one_line(error: BaseException) -> str:
    """An error's kind and message in one line.

    >>> one_line(ValueError("a\\n  b"))
    'ValueError: a b'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())


class ConfigError(Exception):
    """A config cannot be run; the message is one line with the key, its value and what is allowed."""


class TableFailed(ConfigError):
    """A user's table failed on models that are trained; the message is as that of a ConfigError."""


class StorageError(Exception):
    """A run's folder cannot be read or written; the message is one line with what is saved and how to continue."""


class JobFailed(Exception):
    """A job of a multirun was refused or diverged, and a line has said so."""
