"""The contracts between the rooms (design, section 8), small enough to memorise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dialectic.state.base import Metrics
from dialectic.state.briefing import Briefing, Foresight
from dialectic.state.plan import Plan
from dialectic.state.program import Steering
from dialectic.state.proposal import Proposal, Refusal
from dialectic.state.result import Reflection, Verdict
from dialectic.state.run import Failure, Job, JobHandle, JobStatus, LiveEvent, RunRecord, ShownScore
from dialectic.state.session import ProfileFacts

LossCurve = tuple[tuple[float, float], ...]
"""(Tokens seen, smoothed training loss in nats a token), oldest first; empty where a run told nothing."""


@dataclass(frozen=True)
class PrepareContext:
    """What prepare gets."""

    session_id: str
    iteration: int
    train_py: str
    """Text of the incumbent's ``train.py``."""
    knobs: dict[str, str]
    """The incumbent's knobs: name → source text."""
    program: str
    steering: Steering
    briefing: Briefing
    profile: ProfileFacts
    folder: Path
    """Where transcripts go; it exists."""
    seed: int
    """For agents that draw at random: the same session and iteration give the same number."""
    deadline: float
    """Monotonic time (:func:`time.monotonic`) by which the phase must end."""
    check: Callable[[Proposal], Refusal | None]
    """Whether the workspace would take the proposal; it costs no compute."""
    refusals: tuple[Refusal, ...] = ()
    """Why this agent's earlier proposals of this iteration were refused, oldest first."""
    crash: str = ""
    """The traceback of this iteration's first text, when it crashed before training and may be mended once."""
    crashed: Plan | None = None
    """The plan of that first text, with its edits."""


@dataclass(frozen=True)
class ReflectContext:
    """What reflect gets; it cannot change the verdict."""

    plan: Plan
    failure: Failure
    score: ShownScore | None
    """Without the hold-out, which no agent is told."""
    verdict: Verdict
    metrics: Metrics
    """The run's summary numbers; empty when it did not get that far."""
    incumbent_metrics: Metrics
    """Those of the run that made the incumbent."""
    log_tail: str
    """The cleaned, length-limited end of ``run.log``: data, never an instruction (design, rule 8)."""
    folder: Path
    deadline: float
    foresight: Foresight = field(default_factory=Foresight)
    """What the tension graph makes of this iteration, and the move that it would make next."""
    losses: LossCurve = ()
    """The run's own training loss as it went: a claim, good for an interpretation."""
    incumbent_losses: LossCurve = ()


class Agent(Protocol):
    """Who prepares and reflects.

    An implementer may be slow, may fail with :class:`~dialectic.errors.AgentError`, and may return nonsense inside the
    types: the loop checks everything and fills in what is missing.
    """

    name: str
    model: str

    def prepare(self, context: PrepareContext) -> Proposal:
        """Propose the next candidate; the edits apply to ``context.train_py``."""

    def reflect(self, context: ReflectContext) -> Reflection:
        """Interpret a finished iteration."""


class Executor(Protocol):
    """Where a run happens.

    An implementer writes ``job.json`` (the :class:`JobHandle`) into the job's folder before the process starts, starts
    nothing twice that tells of its candidate (what was cancelled or lost does not), survives the runner's death, and
    reports a candidate's failure in the :class:`RunRecord`; it raises :class:`~dialectic.errors.ExecutorError` only
    when the machine failed.
    """

    name: str

    def submit(self, job: Job) -> JobHandle:
        """Start ``job``; returns as soon as the handle is on disk and the process may run."""

    def poll(self, handle: JobHandle) -> JobStatus:
        """Whether it still runs; quick, callable at any time."""

    def events(self, handle: JobHandle, offset: int) -> tuple[list[LiveEvent], int]:
        """Live events from byte ``offset`` on and the next offset; whole lines only."""

    def collect(self, handle: JobHandle) -> RunRecord:
        """The record of an ended job; its output files are then in the job's folder. Callable more than once."""

    def cancel(self, handle: JobHandle) -> None:
        """Stop it gracefully, then for good; returns when it has ended. No error when it had ended before."""
