"""What ends a command from outside: signals, and a reader that has gone."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dialectic.errors import Interrupted

REPEAT_SECONDS = 1.0
"""Signals that follow the first one within this time are the same wish: ``timeout`` sends SIGTERM twice."""


def close_stdout() -> None:
    """Let everything that is still printed go nowhere, also what Python flushes at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  (os.devnull is no path of a file)
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def interruptible() -> Iterator[None]:
    """While a session runs, SIGINT, SIGTERM and SIGHUP raise :class:`~dialectic.errors.Interrupted` in this thread."""
    first: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature is the system's)
        now = time.monotonic()
        if first and now - first[0] < REPEAT_SECONDS:
            return
        first.append(now)
        raise Interrupted

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stop) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            # The repeat may come while the process says goodbye; it must not turn that into a kill.
            signal.signal(number, signal.SIG_IGN if first else handler)
