"""The observer that passes a session on to a tracking tool."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from dialectic.state.base import RunOf
from dialectic.state.observer import Announcement, Ending, Observer, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord
from dialectic.tracking import told
from dialectic.tracking.backend import Backend

CLOSING_SECONDS = 60.0
"""How long the end of a session waits for a tool that has not caught up."""

Call = Callable[[], None]


class Tracker:
    """Tells ``observer`` everything at once, and ``backend`` in a thread of its own: a slow server holds nothing up.

    The first exception of the backend ends the tracking; the user is told once and the session goes on.
    """

    def __init__(self, name: str, backend: Backend, logs: Path, observer: Observer) -> None:
        self.name = name
        self.backend = backend
        self.logs = logs
        self.observer = observer
        self.record: SessionRecord | None = None
        self.begun = 0
        """The iteration whose run is open; 0 for none."""
        self.first_run = True
        self.failure = ""
        self.told_failure = False
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"tracking-{name}", daemon=True)

    def __enter__(self) -> Tracker:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._calls.put(self.backend.close)
        self._calls.put(None)
        self._thread.join(CLOSING_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or f"it was not ready after {CLOSING_SECONDS:g} s"
        self._tell_failure()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self.failure:
                continue
            try:
                call()
            except Exception as error:  # noqa: BLE001  (the tool's errors are not ours to know; none may end a session)
                self.failure = " ".join(str(error).split()) or type(error).__name__

    def _pass(self, call: Call) -> None:
        self._tell_failure()
        if not self.failure:
            self._calls.put(call)

    def _tell_failure(self) -> None:
        if self.failure and not self.told_failure:
            self.told_failure = True
            self.observer.note(f"tracking by {self.name} stopped ({self.failure}); the session goes on without it")

    def _begin(self, plan: Plan) -> None:
        begun = told.begun(self.record, plan)
        if self.begun:
            self._pass(self.backend.close)
        self.begun = plan.iteration
        self._pass(lambda: self.backend.begin(begun))

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        """The session is laid down."""
        self.observer.opened(record, announcement)
        self.record = record
        self.observer.note(f"tracked by {self.name}: {self.backend.where}")

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        """What is finished was told before the session was stopped."""
        self.observer.resumed(finished)

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        """Of several runs of one candidate only the first is drawn: their steps would overlap."""
        self.observer.phase(iteration, phase, k, of)
        self.first_run = k == 1

    def planned(self, plan: Plan) -> None:
        """An iteration begins."""
        self.observer.planned(plan)
        self._begin(plan)

    def event(self, plan: Plan, event: LiveEvent) -> None:
        """Training told something."""
        self.observer.event(plan, event)
        step = told.step(event)
        if step is not None and self.first_run and self.begun == plan.iteration:
            self._pass(lambda: self.backend.step(*step))

    def finished(self, plan: Plan, result: Result) -> None:
        """An iteration is over; one that a resumed session only finished is begun here."""
        self.observer.finished(plan, result)
        if self.begun != plan.iteration:
            self._begin(plan)
        ended = told.ended(plan, result, self.logs / plan.session_id)
        self.begun = 0
        self._pass(lambda: self.backend.end(ended))

    def note(self, text: str) -> None:
        """Notes are for people."""
        self.observer.note(text)

    def closed(self, ending: Ending) -> None:
        """The session is over; leaving the context closes the backend, also after an interruption."""
        self.observer.closed(ending)
