"""What every value that crosses a border has in common.

A :class:`Value` is an immutable, validated piece of data. A :class:`Record` is a value that has a file of its own and
so carries the version of its format. Version 1 is the reference system's: its metrics are strings and any of its
fields may be null. Version 2 is ours. A record class turns an older file into today's by ``upgrade``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SCHEMA_VERSION = 2

JsonObject = dict[str, Any]
"""A parsed JSON object before it has been validated; it never leaves the function that reads the file."""

MoveType = Literal["exploit", "negate", "synthesize"]
"""Push the favoured pole, test the other pole, or form a third out of both."""

Side = Literal["thesis", "antithesis"]
"""A pole of a tension."""

Status = Literal["planned", "completed", "failed", "timed_out", "rejected", "interrupted"]
"""How far an iteration got; ``planned`` has no result yet."""

Outcome = Literal["confirmed", "contradicted", "mixed", "inconclusive"]
KeepStatus = Literal["keep", "discard", "crash"]
Decision = Literal["keep", "discard"]
Claim = Literal["proven", "provisional"]
Compared = Literal["candidate", "incumbent"]
"""The two that a verdict compares."""
RunOf = Literal["candidate", "incumbent", "baseline"]
"""Whose ``train.py`` a run trains."""
SynthesisStatus = Literal["proposed", "confirmed", "contradicted", "partial", "deferred"]

FilledBy = Literal["agent", "computed"]
"""Who filled a field: the agent, or code from the numbers (design, rule 2)."""

MAX_TEXT = 4_000
"""Characters of free text that one field keeps; a model that writes more is cut, not refused."""


def _cut(value: object) -> object:
    return value[: MAX_TEXT - 1] + "…" if isinstance(value, str) and len(value) > MAX_TEXT else value


Text = Annotated[str, BeforeValidator(_cut)]
"""Free text of an agent or a person."""

FilledText = Annotated[str, BeforeValidator(_cut), Field(min_length=1)]
"""Free text that may not be empty."""

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A name that becomes a folder: no slash, no leading dot."""

Metrics = dict[str, float]
"""Numbers by name; the nine summary names are in :data:`dialectic.state.run.SUMMARY_NAMES`."""


class Value(BaseModel):
    """An immutable value; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Record(BaseModel):
    """A value with a file of its own.

    Fields that this version does not know are passed over when an upgraded file is read, never when we write.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    nullable: ClassVar[frozenset[str]] = frozenset()
    """Fields that may be null in a file of ours (formats, last section)."""

    schema_version: int = SCHEMA_VERSION

    @classmethod
    def upgrade(cls, data: JsonObject) -> JsonObject:
        """Turn the parsed file of an older version into today's; the version is read from ``data``."""
        return data


def utc_now() -> str:
    """The present time as ISO 8601 in UTC with milliseconds, such as ``2026-11-21T05:22:00.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iteration_label(iteration: int) -> str:
    """``7`` becomes ``007``; the label is also the name of the folder."""
    return f"{iteration:03d}"


def experiment_id(session_id: str, iteration: int) -> str:
    """The global name of an iteration, ``<session-id>:<NNN>``."""
    return f"{session_id}:{iteration_label(iteration)}"


def numeric_metrics(raw: object) -> Metrics:
    """Metrics of any version as numbers; what is not a finite number is left out.

    The reference system wrote numbers as strings.
    """
    found: Metrics = {}
    if not isinstance(raw, dict):
        return found
    for name, value in raw.items():
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if abs(number) < float("inf"):
            found[str(name)] = number
    return found


def without_nulls(data: JsonObject) -> JsonObject:
    """``data`` without its null fields, so that a field's default takes their place."""
    return {name: value for name, value in data.items() if value is not None}
