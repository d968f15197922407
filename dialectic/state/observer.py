"""What the loop tells whoever watches it: a terminal, a log, later a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from dialectic.state.base import Value
from dialectic.state.plan import Plan
from dialectic.state.result import Estimate, Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord

Phase = Literal["prepare", "run", "score", "verdict", "reflect"]


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
    sandbox: str = ""
    """The level of the cage around a run; empty where nothing runs on this machine."""
    iterations: int
    """Candidates after the baseline; 0 for going on until stopped."""
    runs: int
    """Training runs planned, the baseline's included; 0 without end."""
    budget_seconds: float
    clock: Literal["wall", "cpu"]
    longest_seconds: float
    """How long the runs and their scoring can take at most, when each uses its whole limit; 0 without end."""
    likely_seconds: float = 0.0
    """How long they usually take; 0 without end, or where nobody says so."""


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


class Observer(Protocol):
    """Watches a session; it may draw and write, and it may not fail."""

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        """The session is laid down; nothing has run."""

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        """The session goes on after these iterations; told once, after :meth:`opened`, and only when it was resumed."""

    def phase(self, iteration: int, phase: Phase, k: int) -> None:
        """A phase begins; ``k`` is the run's number within the iteration where there is one, else 1."""

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
