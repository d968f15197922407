"""``research_state/step.json``: an iteration that a person does by hand, between two commands."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dialectic.state.base import Record

STEP = Path("research_state") / "step.json"


class Step(Record):
    """Whose form lies beside it, and how far its iteration got."""

    nullable: ClassVar[frozenset[str]] = frozenset()

    session_id: str
    iteration: int
    executed: bool = False
    """Whether it was run and judged, so that only the reflection is missing."""
    candidate_sha256: str = ""
    """Of the file that was laid down to be edited; empty for the baseline, and in older files."""
