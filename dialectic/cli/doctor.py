"""``dialectic doctor``: everything that a session needs, and what to do where something is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from dialectic.cli.output import print_json, show, text
from dialectic.cli.words import command

COLOURS = {"ok": "green", "warning": "yellow", "missing": "red"}


def doctor(root: Path, profile: str | None, corpus: str | None, as_json: bool) -> int:
    """Print one line for each thing looked at; returns 1 when something is missing that a session needs, else 0."""
    # The loop brings every room with it, and asking prepare.py takes seconds: lines appear as they are known.
    from dialectic.loop.checkup import Finding, examine

    findings: list[Finding] = []
    for finding in examine(root, profile, corpus):
        findings.append(finding)
        if not as_json:
            show(*_lines(finding.name, finding.state, finding.text, finding.todo))
    missing = [finding.name for finding in findings if finding.state == "missing"]
    if as_json:
        print_json([finding.model_dump(mode="json") for finding in findings])
    elif missing:
        show(text(f"a session cannot start yet: {', '.join(missing)}", "red"))
    else:
        show(text(f"a session can start: {command(root, 'run --iterations 3')}", "green"))
    return int(bool(missing))


def _lines(name: str, state: str, words: str, todo: str) -> Iterator[Text]:
    yield Text.assemble((f"{state:8}", COLOURS[state]), (f"{name}: ", "bold"), text(words, limit=600))
    if todo:
        yield Text.assemble(" " * 8, "→ ", text(todo, limit=600))
