"""What every command has in common: the border between exceptions and exit codes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from dialectic.cli.output import complain
from dialectic.errors import DialecticError, Interrupted

REPEAT_SECONDS = 1.0
"""Signals that follow the first one within this time are the same wish: ``timeout`` sends SIGTERM twice."""

Refused: Any = typer.BadParameter.__mro__[2]
"""Base class of what the parser raises for a command line it cannot take. Older typers take it from click, newer ones
carry it themselves, and neither gives it a public name."""


def call(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Nothing but a mistake of ours is raised."""

    def invoke() -> None:
        from dialectic.cli.app import app

        command = typer.main.get_command(app)
        with command.make_context("dialectic", list(arguments)) as context:
            _warn_of_unknown_variables()
            command.invoke(context)

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 must not end a session
    return guarded(invoke)


def guarded(command: Callable[[], None]) -> int:
    """The exit code of ``command``; what the user can mend becomes one line on standard error."""
    try:
        code = _code(command)
        sys.stdout.flush()
    except BrokenPipeError:
        close_stdout()
        return 0
    return code


def _code(command: Callable[[], None]) -> int:
    try:
        command()
    except (DialecticError, Interrupted) as error:
        complain(str(error) or "interrupted")
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return Interrupted.exit_code
    except typer.Exit as leave:
        return leave.exit_code
    except Refused as error:
        complain(f"{error.format_message()} (`dialectic --help` shows the commands and flags)")
        return 2
    return 0


def _warn_of_unknown_variables() -> None:
    if not any(name.startswith("DIALECTIC_") for name in os.environ):
        return
    from dialectic.config import unknown_variables

    unknown = unknown_variables()
    if unknown:
        complain(f"{', '.join(unknown)}: means nothing to this version and is passed over")


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
