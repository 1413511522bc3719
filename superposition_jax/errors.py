"""Errors that users see. Light to import, so that the command can handle them before it imports JAX."""


class ConfigError(Exception):
    """A config cannot be run; the message is one line with the key, its value and what is allowed."""


class StorageError(Exception):
    """A run's folder cannot be read or written; the message is one line with what is saved and how to continue."""
