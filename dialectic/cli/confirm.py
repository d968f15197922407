"""``dialectic confirm``: baseline and incumbent once more, in fresh pairs."""

from __future__ import annotations

from pathlib import Path

from dialectic.cli import words
from dialectic.cli.output import print_json, show, text
from dialectic.cli.steps import OneStep, Silent, stepped
from dialectic.state.files import as_json


def confirm(root: Path, session_id: str | None, pairs: int | None, as_object: bool) -> None:
    """Run the pairs and print what they say, as JSON only that; null where the baseline is still the incumbent."""
    from dialectic.loop import confirm_session

    watcher = Silent() if as_object else OneStep()
    told = stepped(lambda observer: confirm_session(root, session_id, pairs, observer), watcher)
    if as_object:
        print_json(as_json(told) if told else None)
    elif told is not None:
        show(text(words.confirmed(told), "bold"), text(told.method, "dim", limit=1_000))
