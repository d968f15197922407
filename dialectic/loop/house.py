"""What a session holds in memory between two iterations; all of it comes from the session's files."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from dialectic import knowledge
from dialectic.config import Settings
from dialectic.errors import SessionError
from dialectic.loop.share import pairs_at_end
from dialectic.session import Iteration, Session, remove_models
from dialectic.state.base import RunOf, experiment_id, utc_now
from dialectic.state.contracts import Agent, Executor
from dialectic.state.observer import Observer, Phase
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.program import Steering
from dialectic.state.result import Result
from dialectic.state.run import Failure
from dialectic.state.session import DataFacts, LiveState, PhaseState, ProfileFacts, SessionRecord
from dialectic.verdict import Belief

KNOWLEDGE = "knowledge_base"
IDLE = 5
"""So many rejected iterations in a row end a session."""


@dataclass
class House:
    """A session at work."""

    root: Path
    settings: Settings
    session: Session
    record: SessionRecord
    profile: ProfileFacts
    agent: Agent
    fallback: Agent
    executor: Executor
    observer: Observer
    graph: knowledge.TensionGraph
    belief: Belief
    incumbent_text: str
    """The kept ``train.py``: at first the file as it was found."""
    incumbent_iteration: int = 1
    program: str = ""
    """``program.md`` as it was at the start of this iteration."""
    steering: Steering = field(default_factory=Steering)
    history: list[Iteration] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """Fingerprint of every candidate so far → its experiment id."""
    commits: dict[int, str | None] = field(default_factory=dict)
    prepare_state: PhaseState = field(default_factory=PhaseState)
    reflect_state: PhaseState = field(default_factory=PhaseState)
    iteration: int = 1
    noted: set[str] = field(default_factory=set)
    """Knobs that program.md steers in vain, as far as the user was told."""
    planned: Plan | None = None
    """The plan of an iteration that a stopped runner left without a result."""
    longest_turn: float = 0.0
    """Seconds that the longest iteration took so far, its repeats not counted."""
    longest_run: float = 0.0
    """Seconds that the longest run with its scoring took so far."""
    end: float = math.inf
    """Monotonic time by which the command must be done."""

    def experiment_id(self, iteration: int) -> str:
        """The global name of an iteration of this session."""
        return experiment_id(self.session.id, iteration)

    @property
    def data(self) -> DataFacts:
        """The prepared data; a session of ours always records them."""
        assert self.record.data is not None
        return self.record.data

    def enter(self, iteration: int, phase: Phase, k: int = 1, of: RunOf = "candidate") -> None:
        """Say which phase begins: on the screen, in ``live/state.json`` and in the session's events."""
        if phase == "prepare":
            self.iteration, self.reflect_state = iteration, PhaseState()
        if phase in ("prepare", "reflect"):
            state = PhaseState(status="running", started_at=utc_now())
            setattr(self, f"{phase}_state", state)
        self.observer.phase(iteration, phase, k, of)
        if phase in ("run", "confirm"):
            self.session.append_event(f"{phase}_started", iteration, k=k, of=of)
        elif phase in ("prepare", "reflect"):
            self.session.append_event(f"{phase}_started", iteration)
        self.live(phase, k=k, of=of)

    def leave(self, iteration: int, phase: Phase, **fields: str | float | None) -> None:
        """Say that a phase is over."""
        if phase in ("prepare", "reflect"):
            running: PhaseState = getattr(self, f"{phase}_state")
            done = running.model_copy(update={"status": "completed", "completed_at": utc_now()})
            setattr(self, f"{phase}_state", done)
        name = {"verdict": "verdict", "run": "run_completed"}.get(phase, f"{phase}_completed")
        self.session.append_event(name, iteration, **fields)

    def live(self, phase: str, is_active: bool = True, k: int = 1, of: RunOf = "candidate") -> None:
        """Replace ``live/state.json``."""
        self.session.write_live(
            LiveState.model_validate(
                {
                    "session_id": self.session.id,
                    "is_active": is_active,
                    "phase": phase,
                    "k": k,
                    "of": of,
                    "current_iteration_label": f"{self.iteration:03d}",
                    "experiment_index": self.iteration,
                    "experiment_count": self.settings.iterations + 1 if self.settings.iterations else 0,
                    "updated_at": utc_now(),
                    "prepare": self.prepare_state,
                    "reflect": self.reflect_state,
                }
            )
        )

    def remaining(self) -> Iterator[int]:
        """The iterations that are to come, as far as there is time; that for the baseline was looked at before.

        With nothing left that may be proposed a session without end would write rejected iterations as fast as it can:
        after :data:`IDLE` of them in a row it ends.
        """
        hours, total = self.settings.max_hours, self.settings.iterations
        self.end = time.monotonic() + 3600 * hours if hours else math.inf
        first = len(self.history) + 1
        last = max((total or 0) + 1, self.planned.iteration if self.planned else 0)
        if total and first > last:
            self.observer.note(f"it has all its {total} candidates; --iterations N, a larger total, makes it go on")
        for iteration in range(first, last + 1) if total else count(first):
            began = time.monotonic()
            if iteration > 1 and self.longest_turn > self.time_before_pairs():
                self.observer.note(f"iteration {iteration} might not end within {hours:g} hours; it is not started")
                return
            yield iteration
            lately = [plan for plan, _, _ in self.history[max(first - 1, len(self.history) - IDLE) :]]
            if len(lately) == IDLE and all(plan.rejected for plan in lately):
                self.observer.note(
                    f"{IDLE} proposals in a row were refused, so nothing is left to try; loosen the steering block of "
                    f"program.md, or take another agent, and go on with dialectic run --resume"
                )
                return
            self.longest_turn = max(self.longest_turn, (time.monotonic() - began) / self.runs_of_last())

    def time_left(self) -> float:
        """Seconds until the command must be done."""
        return self.end - time.monotonic()

    def time_before_pairs(self) -> float:
        """Seconds that are left for iterations and repeats: the final pairs must end in time too."""
        return self.time_left() - 2 * self.pairs_at_end() * self.longest_run

    def pairs_at_end(self) -> int:
        """Final pairs that this session ends with, if it keeps a candidate."""
        candidates = self.settings.iterations or max(len(self.history) - 1, 0)
        return pairs_at_end(self.settings, self.profile.noise_sigma, candidates)

    def runs_of_last(self) -> int:
        """How many runs the last finished iteration had; at least 1."""
        result = self.history[-1][1] if self.history else None
        return max(len(result.verdict.runs), 1) if result else 1

    def require_baseline(self) -> None:
        """Refuse to go on from a baseline without a score: nothing could be compared with it.

        Raises:
            SessionError: it has none.
        """
        if self.belief.mean is None and self.history:
            plan, result, _ = self.history[0]
            failure = result.failure if result else Failure()
            raise SessionError(
                f"the baseline has no score ({failure.kind}: {failure.message}); mend train.py and start a new "
                f"session, or see `dialectic show 1` and {plan.execution_dir}/run.log"
            )

    def plan_ahead(self, plan: Plan) -> None:
        """An iteration counts from its plan on: in the manifest, on the screen, and for every reader of the logs."""
        self.session.write_manifest([*self.history, (plan, None, [])])
        self.observer.planned(plan)

    def learn(self, plan: Plan, result: Result, belief: Belief) -> None:
        """Fold a finished iteration into what the session knows, in memory and on disk."""
        tensions = self.session.read(plan.iteration)[2]
        self.remember(plan, result, tensions)
        self.belief = belief
        self.graph.add(plan, result, tensions)
        # Another session may be running beside this one: its files stay until the end folds all logs anew.
        knowledge.write(self.root / KNOWLEDGE, self.graph, prune=False)
        self.session.write_manifest(self.history)
        self.observer.finished(plan, result)

    def remember(self, plan: Plan, result: Result, tensions: list[TensionRecord]) -> None:
        """Take a finished iteration into the history, and its candidate for the incumbent when it was kept."""
        self.history.append((plan, result, tensions))
        for fingerprint in plan.fingerprints:
            self.known.setdefault(fingerprint, self.experiment_id(plan.iteration))
        folder = self.session.iteration(plan.iteration)
        if result.verdict.decision == "keep":
            if plan.iteration > 1:
                remove_models(self.session.iteration(self.incumbent_iteration))
            self.incumbent_iteration = plan.iteration
            # As bytes: reading as text would turn the user's line endings into ours.
            self.incumbent_text = self.session.candidate(plan.iteration).decode("utf-8")
            remove_models(folder, but=1)
        else:
            remove_models(folder)
