"""What the loop tells whoever watches it: a terminal, a log, later a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from dialectic.state.base import RunOf, Value
from dialectic.state.confirmation import Confirmation
from dialectic.state.plan import Plan
from dialectic.state.result import Estimate, Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord

Phase = Literal["prepare", "run", "score", "verdict", "reflect", "confirm"]
"""``confirm`` is one run of the final pairs with its scoring."""


class Announcement(Value):
    """What a session says before anything is spent."""

    session_id: str
    agent: str
    agent_reason: str
    """Why this agent, in words; empty when it was asked for by name."""
    profile: str
    profile_reason: str
    corpus: str
    executor: str
    iterations: int
    """Candidates after the baseline; 0 for going on until stopped."""
    runs: int
    """Training runs planned, the baseline's included, repeats and pairs not; 0 without end."""
    repeats: int = 0
    """How many repeats may be bought beside them; 0 without end."""
    pairs: int = 0
    """Pairs of fresh runs of baseline and incumbent at the end, if a candidate is kept; 0 without end."""
    rule: str = "bayes"
    """How candidates are kept: ``bayes`` or ``greedy``."""
    budget_seconds: float
    clock: Literal["wall", "cpu"]
    longest_seconds: float
    """How long all of them and their scoring can take at most, when each uses its whole limit; 0 without end."""
    likely_seconds: float = 0.0
    """How long runs and pairs usually take; 0 without end, or where nobody says so."""


class Ending(Value):
    """How a session ended."""

    session_id: str
    baseline: Estimate
    incumbent: Estimate
    probability_better: float
    """That the incumbent's true value is below the baseline's."""
    keeps: int
    discards: int
    crashes: int
    adopted: bool
    adoption: str
    """What happened to the top-level train.py, or the command that adopts the incumbent."""
    confirmation: Confirmation | None = None
    """What fresh pairs of baseline and incumbent said; None where there were none."""


class Observer(Protocol):
    """Watches a session; it may draw and write, and it may not fail."""

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        """The session is laid down; nothing has run."""

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        """The session goes on after these iterations; told once, after :meth:`opened`, and only when it was resumed."""

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        """A phase begins; ``k`` is the number of the run, where there is one, within the iteration or among the final
        pairs, else 1, and ``of`` whose ``train.py`` it trains."""

    def planned(self, plan: Plan) -> None:
        """A plan was recorded."""

    def event(self, plan: Plan, event: LiveEvent) -> None:
        """The running process told something."""

    def finished(self, plan: Plan, result: Result) -> None:
        """An iteration is over."""

    def note(self, text: str) -> None:
        """Something the user should know, one line."""

    def closed(self, ending: Ending) -> None:
        """The session is over."""
