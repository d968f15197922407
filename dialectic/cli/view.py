"""What someone who watches a session must remember to draw it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dialectic.cli import words
from dialectic.cli.rows import Row, row
from dialectic.state.arithmetic import Scalar
from dialectic.state.base import RunOf, experiment_id
from dialectic.state.observer import Announcement, Ending, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord
from dialectic.state.words import profile_values

RUNNING = ("run", "confirm")
"""Phases in which something trains."""


@dataclass
class Training:
    """What the running process told last: loss in nats a token, seconds left on the profile's clock."""

    progress: float = 0.0
    """Share of the budget, 0 to 1."""
    loss: float | None = None
    tokens_per_second: float | None = None
    remaining: float | None = None
    handing_over: bool = False
    """The clock has stopped; the model is being exported."""

    def facts(self) -> list[str]:
        """The same in words."""
        return words.progress(self.progress, self.loss, self.tokens_per_second, self.remaining)


@dataclass
class View:
    """An observer that only remembers; a subclass draws after it."""

    session_id: str = ""
    announcement: Announcement | None = None
    iteration: int = 0
    phase_name: Phase = "prepare"
    k: int = 1
    of: RunOf = "candidate"
    phase_began: float = field(default_factory=time.monotonic)
    plan: Plan | None = None
    training: Training = field(default_factory=Training)
    rows: list[Row] = field(default_factory=list)
    knobs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Experiment id → its knobs."""
    values: Mapping[str, Scalar] = field(default_factory=dict)
    """What the session's profile gives."""
    ending: Ending | None = None

    @property
    def total(self) -> int:
        """Iterations planned, the baseline's included; 0 without end."""
        return self.announcement.iterations + 1 if self.announcement and self.announcement.iterations else 0

    @property
    def title(self) -> str:
        """``iteration 2 of 4 · run 3 (incumbent again)``, or of the final pairs ``confirm · pair 2 (baseline)``."""
        of = f" of {self.total}" if self.total else ""
        name = words.run_name(self.phase_name, self.k, self.of)
        if self.phase_name == "run" and self.training.handing_over:
            name = "hand-over" + name.removeprefix("run")
        return f"confirm · {name}" if self.phase_name == "confirm" else f"iteration {self.iteration}{of} · {name}"

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        self.session_id = record.session_id
        self.values = profile_values(record)
        self.announcement = announcement

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        for plan, result in finished:
            View.planned(self, plan)
            View.finished(self, plan, result)

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        if iteration != self.iteration:
            self.plan = None
        self.iteration, self.phase_name, self.k, self.of = iteration, phase, k, of
        self.phase_began = time.monotonic()
        if phase in RUNNING:
            self.training = Training()

    def planned(self, plan: Plan) -> None:
        self.plan, self.iteration = plan, plan.iteration
        self.knobs[experiment_id(plan.session_id, plan.iteration)] = plan.knobs

    def event(self, plan: Plan, event: LiveEvent) -> None:  # noqa: ARG002
        self.hear(event)

    def hear(self, event: LiveEvent) -> None:
        """Remember what the run told."""
        if event.type == "eval_started":
            self.training = replace(self.training, progress=1.0, remaining=0.0, handing_over=True)
        if event.type != "train_step":
            return
        progress = _number(event, "progress_pct")
        self.training = Training(
            progress=min(max((progress or 0.0) / 100, 0.0), 1.0),
            loss=_number(event, "train_loss_ema"),
            tokens_per_second=_number(event, "tokens_per_second"),
            remaining=_number(event, "remaining_seconds"),
        )

    def finished(self, plan: Plan, result: Result) -> None:
        self.rows.append(row(plan, result, [], self.knobs.get(plan.base_experiment_id, {}), self.values))
        self.plan = None

    def note(self, text: str) -> None:
        """Nothing to remember."""

    def closed(self, ending: Ending) -> None:
        self.ending = ending


def _number(event: LiveEvent, name: str) -> float | None:
    value = event.fields.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
