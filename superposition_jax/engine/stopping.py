"""Ctrl-C and SIGTERM: the first one asks to stop after the current segment of training, the second one stops at once."""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_asked: list[int] = []


class Stopped(BaseException):
    """Raised after a signal, once everything is saved. Not an Exception, so that nothing handles it and goes on."""

    @property
    def status(self) -> int:
        """The exit status that shells expect: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.args[0]


@contextmanager
def handled() -> Generator[None]:
    """Context in which both signals are requests to stop."""
    _asked.clear()
    before = {number: signal.signal(number, _ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ask(number: int, frame: FrameType | None) -> None:
    if _asked:
        sys.stdout.flush()
        os._exit(128 + number)  # files are written completely or not at all
    _asked.append(number)


def asked() -> bool:
    """Whether a signal has asked to stop."""
    return bool(_asked)


def stop_if_asked() -> None:
    """Raise Stopped if a signal has asked to stop."""
    if _asked:
        raise Stopped(_asked[0])
