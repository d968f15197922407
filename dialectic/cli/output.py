"""Consoles, colours, JSON, and foreign text made safe for a terminal (design, rule 8)."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from dialectic.state.text import clean

WIDEST = 120
"""Columns that a screen uses at most: longer lines are hard to read."""
PIPE_WIDTH = 160
"""Columns of a table's line that goes into a pipe: more than a screen's, so that less is cut; ``--json`` has all."""
ONE_LINE = 2_000
"""Characters of an error or warning that are shown."""

STYLES = {"keep": "green", "discard": "yellow", "crash": "red", "proven": "bold green", "running": "cyan"}
"""Colour of a verdict; everything else on a screen stays in the terminal's own colour."""


def is_terminal() -> bool:
    """Whether standard output can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb").lower() not in ("dumb", "unknown", "")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the border: rich would end the process with code 1."""
        raise BrokenPipeError


def console() -> Console:
    """The console for standard output: coloured on a terminal, plain and wide elsewhere."""
    if is_terminal():
        return _Console(file=sys.stdout, highlight=False)
    return _Console(file=sys.stdout, width=PIPE_WIDTH, force_terminal=False, no_color=True, highlight=False)


def columns(target: Console) -> int:
    """Columns to draw on, asked anew each time: a terminal changes its size."""
    return min(target.width, WIDEST) if target.is_terminal else target.width


def show(*parts: RenderableType, wide: bool = False) -> None:
    """Print on standard output; a ``wide`` table may use all of a pipe's columns.

    A plain ``str`` must not reach this: it would be read as markup. In a pipe no line ends with spaces.
    """
    target = console()
    width = columns(target) if wide else min(target.width, WIDEST)
    if target.is_terminal:
        for part in parts:
            target.print(part, width=width, crop=False)
        return
    with target.capture() as drawn:
        for part in parts:
            target.print(part, width=width, crop=False)
    print("\n".join(line.rstrip() for line in drawn.get().split("\n")), end="")


def safe(text: str, limit: int = 400) -> str:
    """Foreign text as one line: no control sequences, no line breaks, ``limit`` characters at most."""
    return " ".join(clean(text, limit).split())


def text(words: str, style: str = "", limit: int = 400) -> Text:
    """Foreign text as one line that a console may print: brackets in it are no markup."""
    return Text(safe(words, limit), style=style)


def path_line(name: str, path: str) -> RenderableType:
    """``name: path`` on one line however long it is: a path that was wrapped cannot be copied."""
    # In a group, because rich joins bare texts into one that has forgotten how they may be wrapped.
    return Group(Text(f"{name}: {safe(path, ONE_LINE)}", no_wrap=True, overflow="ignore"))


def print_json(data: Any) -> None:
    """JSON on standard output; in ASCII, so that no character of a foreign text acts on a terminal."""
    print(json.dumps(data, indent=2, sort_keys=True, allow_nan=False))


def complain(words: str) -> None:
    """One line on standard error."""
    print(f"dialectic: {safe(words, ONE_LINE)}", file=sys.stderr, flush=True)


def show_patch(patch: str) -> None:
    """Print a unified diff: coloured on a terminal; in a pipe as it is, so that ``git apply`` takes it."""
    if is_terminal():
        console().print(painted_diff(patch), soft_wrap=True)
        return
    for line in patch.rstrip("\n").split("\n"):
        print(line if line.replace("\t", "").isprintable() else clean(line, len(line)))


def painted_diff(patch: str, limit: int = 0) -> Text:
    """A unified diff, added lines green and removed ones red; ``limit`` lines at most, 0 for all."""
    lines = patch.rstrip("\n").split("\n")
    shown = lines[:limit] if limit else lines
    painted = Text("\n", no_wrap=True, overflow="ignore").join(
        Text(clean(line.expandtabs(4), ONE_LINE), style=_diff_style(line)) for line in shown
    )
    if len(shown) < len(lines):
        painted.append(f"\n… {len(lines) - len(shown)} more lines", style="dim")
    return painted


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
