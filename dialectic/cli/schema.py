"""``dialectic schema``: the JSON Schema of the files that others may write or read."""

from __future__ import annotations

from typing import Any

from dialectic.cli.output import print_json
from dialectic.errors import UsageError
from dialectic.state.base import Record
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.proposal import StagedState
from dialectic.state.result import Result
from dialectic.state.session import Manifest, SessionRecord

DRAFT = "https://json-schema.org/draft/2020-12/schema"

KINDS: dict[str, tuple[type[Record], str]] = {
    "state": (StagedState, "research_state/current_iteration.json"),
    "plan": (Plan, "iterations/<NNN>/plan.json"),
    "result": (Result, "iterations/<NNN>/result.json"),
    "session": (SessionRecord, "session.json"),
    "manifest": (Manifest, "manifest.json"),
    "tension": (TensionRecord, "tensions/<tension-id>/meta.json"),
}
"""Name → the record and the file that holds it."""


def schema(kind: str) -> None:
    """Print the schema of ``kind``.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no schema {kind!r}; known are {', '.join(KINDS)}")
    print_json(json_schema(kind))


def json_schema(kind: str) -> dict[str, Any]:
    """The schema of ``kind``, draft 2020-12."""
    record, file = KINDS[kind]
    return record.model_json_schema() | {"$schema": DRAFT, "title": f"dialectic {kind}: {file}"}
