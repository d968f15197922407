"""What every command has in common: the border between exceptions and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from dialectic.cli.interrupt import close_stdout
from dialectic.cli.output import complain
from dialectic.errors import DialecticError, Interrupted

Refused: Any = typer.BadParameter.__mro__[2]
"""Base class of what the parser raises for a command line it cannot take. Older typers take it from click, newer ones
carry it themselves, and neither gives it a public name."""

COMPLETION = "_DIALECTIC_COMPLETE"
"""What a shell sets when it asks how a word could go on; the parser answers that itself and leaves."""


def call(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Nothing but a mistake of ours is raised."""

    def invoke() -> None:
        from dialectic.cli.app import app

        command = typer.main.get_command(app)
        if COMPLETION in os.environ:
            command.main(list(arguments), prog_name="dialectic")
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
    except SystemExit as leave:  # the parser's way out of a question about completion
        return leave.code if isinstance(leave.code, int) else 0
    except Refused as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "dialectic"
        complain(f"{error.format_message()} (`{where} --help` shows what there is)")
        return 2
    return 0


def _warn_of_unknown_variables() -> None:
    if not any(name.startswith("DIALECTIC_") for name in os.environ):
        return
    from dialectic.config import unknown_variables

    unknown = unknown_variables()
    if unknown:
        complain(f"{', '.join(unknown)}: means nothing to this version and is passed over")
