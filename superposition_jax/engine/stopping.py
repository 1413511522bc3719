"""Ctrl-C and SIGTERM: the first asks to stop at the next good moment, a second one stops at once."""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_asked: list[int] = []


class Stopped(BaseException):
    """A signal asked to stop, and what there was to save is saved. Not an Exception: nobody is to go on after it."""

    @property
    def status(self) -> int:
        """The exit status that shells expect: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self.args[0]


@contextmanager
def handled() -> Generator[None]:
    """Catch both signals in here."""
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
        os._exit(128 + number)  # files are whole under their names or not there
    _asked.append(number)


def asked() -> bool:
    """Whether to stop."""
    return bool(_asked)


def stop_if_asked() -> None:
    """Stop here if asked to; raises Stopped."""
    if _asked:
        raise Stopped(_asked[0])
