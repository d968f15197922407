"""``confirmation.json``: the session's total improvement, from fresh pairs that took no part in any choice."""

from __future__ import annotations

from typing import ClassVar

from dialectic.state.base import Record, Value


class Pair(Value):
    """One fresh run of the baseline and one of the incumbent, side by side; both ``val_bpb``. They share a seed."""

    seed: int
    baseline: float
    incumbent: float


class Confirmation(Record):
    """What the pairs say: baseline minus incumbent in bpb, so that an improvement is positive."""

    nullable: ClassVar[frozenset[str]] = frozenset({"low", "high"})

    session_id: str = ""
    created_at: str = ""
    baseline_id: str = ""
    incumbent_id: str = ""
    pairs: list[Pair]
    improvement: float
    """Mean over the pairs."""
    low: float | None
    high: float | None
    """The 95 % interval; null for a single pair, which does not tell the noise."""
    degrees_of_freedom: int
    """Behind the interval's width."""
    method: str
    """How the interval was computed, as a sentence."""
    wall_seconds: float = 0.0
    """Of all runs of these pairs with their scoring."""
