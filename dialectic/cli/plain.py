"""The observers for everything that is no terminal: plain lines, and JSON lines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from dialectic.cli import words
from dialectic.cli.output import safe
from dialectic.cli.view import View
from dialectic.state.base import RunOf, iteration_label, utc_now
from dialectic.state.observer import Announcement, Ending, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord

PROGRESS_SECONDS = 10.0


class PlainLines(View):
    """One line for each thing worth telling; of training every tenth or every ten seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.shown_at = 0.0
        self.shown_tenth = 0

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def say(self, line: str) -> None:
        """Print one line about the present iteration, or the final pairs."""
        where = "confirm" if self.phase_name == "confirm" else iteration_label(self.iteration)
        print(f"[{where}] {safe(line, 1_000)}", flush=True)

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        super().opened(record, announcement)
        print(safe(words.opening(announcement), 1_000), flush=True)

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        super().resumed(finished)
        print(words.resumed(len(finished)), flush=True)

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        super().phase(iteration, phase, k, of)
        self.shown_at, self.shown_tenth = time.monotonic(), 0
        self.say(words.run_name(phase, k, of))

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        self.say(plan.prediction)

    def event(self, plan: Plan, event: LiveEvent) -> None:
        super().event(plan, event)
        now, training = time.monotonic(), self.training
        tenth = int(10 * training.progress + 1e-6)
        due = tenth > self.shown_tenth or now - self.shown_at >= PROGRESS_SECONDS
        if event.type != "train_step" or not due:
            return
        self.shown_at, self.shown_tenth = now, tenth
        self.say(", ".join(training.facts()))

    def finished(self, plan: Plan, result: Result) -> None:
        super().finished(plan, result)
        row = self.rows[-1]
        parts = [row.verdict, f"val_bpb {words.bpb(row.val_bpb)}"]
        if row.delta is not None:
            parts.append(f"delta {words.signed(row.delta)}")
        self.say(", ".join([*parts, f"outcome {row.outcome}"]) + f" ({row.change})")
        if result.failure.kind != "none" and result.failure.message:
            self.say(f"{result.failure.kind}: {result.failure.message}")

    def note(self, text: str) -> None:
        print(safe(text, 1_000), flush=True)

    def closed(self, ending: Ending) -> None:
        super().closed(ending)
        for line in words.ending(ending):
            print(safe(line, 1_000), flush=True)


class JsonLines(View):
    """One JSON object for each call, and nothing else, on standard output."""

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put back."""

    def tell(self, kind: str, **fields: Any) -> None:
        """Print one object; ``type`` is the name of the observer's method."""
        sys.stdout.write(json.dumps({"type": kind, "timestamp": utc_now(), **fields}, allow_nan=False) + "\n")
        sys.stdout.flush()

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        super().opened(record, announcement)
        self.tell("opened", record=record.model_dump(mode="json"), announcement=announcement.model_dump(mode="json"))

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        super().resumed(finished)
        self.tell("resumed", iterations=[plan.iteration for plan, _ in finished])

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        super().phase(iteration, phase, k, of)
        self.tell("phase", iteration=iteration, phase=phase, k=k, of=of)

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        self.tell("planned", plan=plan.model_dump(mode="json"))

    def event(self, plan: Plan, event: LiveEvent) -> None:
        super().event(plan, event)
        self.tell("event", iteration=plan.iteration, event=event.model_dump(mode="json"))

    def finished(self, plan: Plan, result: Result) -> None:
        super().finished(plan, result)
        self.tell("finished", iteration=plan.iteration, result=result.model_dump(mode="json"))

    def note(self, text: str) -> None:
        self.tell("note", text=text)

    def closed(self, ending: Ending) -> None:
        super().closed(ending)
        self.tell("closed", ending=ending.model_dump(mode="json"))
