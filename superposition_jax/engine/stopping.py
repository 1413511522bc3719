"""Ctrl-C and SIGTERM: the first one asks to stop after the current segment of training, the second one stops at once.

Where the first one is not answered soon, in a compilation or a table, a thread ends the process: what is finished is on disk.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_SECONDS, _SECONDS_TO_SAVE = 2.5, 30.0
"""Seconds in which the process has to stop by itself: after a signal, or after what it was saving then."""
saving = threading.Lock()
"""Held while what has been trained is written, which is not cut off then."""
_asked: list[int] = []
_last_words: list[Callable[[], object]] = []


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
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    woken_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)  # Python's handlers wait for XLA, this does not
    thread = threading.Thread(target=_end_soon, args=(reading,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writing)
        thread.join()
        os.close(reading)


@contextmanager
def last_words(write: Callable[[], object]) -> Generator[None]:
    """Context in which `write` is called before the process is ended for a signal that nothing has answered."""
    _last_words.append(write)
    try:
        yield
    finally:
        _last_words.remove(write)


def _end_soon(reading: int) -> None:
    """Wait for a signal or the end of the pipe; end the process where the main thread goes on for too long after a signal."""
    asked = 0
    while asked not in (signal.SIGINT, signal.SIGTERM):
        if not (byte := os.read(reading, 1)):
            return
        asked = byte[0]
    began = now = time.monotonic()
    deadline = began + _SECONDS
    while now < deadline:
        if select.select([reading], [], [], 0.1)[0] and not os.read(reading, 1):
            return
        now = time.monotonic()
        if saving.locked():
            deadline = min(now + _SECONDS, began + _SECONDS_TO_SAVE)
    _end(asked)


def _ask(number: int, frame: FrameType | None) -> None:
    if _asked:
        _end(number)
    _asked.append(number)


def _end(number: int) -> None:
    """End the process at once, with the last words: files are written completely or not at all."""
    for write in _last_words[-1:]:
        write()
    sys.stdout.flush()
    os._exit(128 + number)


def asked() -> bool:
    """Whether a signal has asked to stop."""
    return bool(_asked)


def stop_if_asked() -> None:
    """Raise Stopped if a signal has asked to stop."""
    if _asked:
        raise Stopped(_asked[0])
