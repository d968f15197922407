"""The part of the page about text that took no part in any choice."""

from __future__ import annotations

from collections.abc import Iterator

from dialectic.report.material import Material, Turn
from dialectic.report.writing import table
from dialectic.state.run import Score
from dialectic.state.words import bpb

MOST_ROWS = 50
"""Incumbents that are listed; of more, the last ones."""


def gap(material: Material) -> Iterator[str]:
    """Hold-out minus validation, for the baseline and for every candidate that was kept, in order."""
    stood = [(turn, score) for turn in material.turns if (score := _score(turn)) and turn.fate in ("baseline", "keep")]
    if not stood:
        return
    rows = [(turn.label, bpb(score.val_bpb), bpb(score.holdout_bpb), f"{score.gap:+.4f}") for turn, score in stood]
    yield from ("", "## Validation and hold-out", "")
    if len(stood) > 1:
        first, last = stood[0][1].gap, stood[-1][1].gap
        yield f"The gap went from {first:+.4f} to {last:+.4f} bpb, by {last - first:+.4f}."
        yield ""
    names = ("N", "val_bpb", "hold-out", "gap")
    yield from table(names, rows[-MOST_ROWS:], names[1:])
    yield from (
        "",
        "*Hold-out*: bits per byte of text that no agent is told of and that decides nothing. *Gap*: hold-out minus "
        "validation; one that grows along the session says that what was kept fits the validation text.",
    )


def _score(turn: Turn) -> Score | None:
    return turn.result.score if turn.result is not None else None
