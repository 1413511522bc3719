"""Errors that users meet. Imports nothing, so that the command can name them before it imports JAX."""


class ConfigError(Exception):
    """A config that cannot be run. The message is one line: key, value, what is allowed."""


class StorageError(Exception):
    """A run's folder could not be read or written; the message is one line that says what is kept and how to go on."""
