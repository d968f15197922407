"""What the steps by hand tell the person: where to edit, what was measured, what comes next."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TypeVar

from dialectic.cli import words
from dialectic.cli.interrupt import interruptible
from dialectic.cli.output import STYLES, path_line, show, text
from dialectic.cli.plain import PlainLines
from dialectic.config import Settings
from dialectic.errors import Interrupted, UsageError
from dialectic.session import session_ids
from dialectic.state.base import RunOf
from dialectic.state.observer import Announcement, Observer, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord

T = TypeVar("T")
OF_A_NEW_ONE = ("profile", "budget", "corpus", "script", "executor", "seed")


class OneStep(PlainLines):
    """Tells how a run goes and what is noteworthy; the rest is told by the step's own last lines."""

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        self.session_id, self.announcement = record.session_id, announcement

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        """Nothing: the person asked for one step, not for the session's story."""

    def planned(self, plan: Plan) -> None:
        self.plan = plan

    def finished(self, plan: Plan, result: Result) -> None:
        """Nothing: the step says it."""


class Quiet(OneStep):
    """Tells only what is noteworthy: the run was told when it ran."""

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        """Nothing."""

    def event(self, plan: Plan, event: LiveEvent) -> None:
        """Nothing."""


class Silent(Quiet):
    """Tells nothing: what comes of the step is printed as JSON."""

    def note(self, text: str) -> None:
        """Nothing."""


def prepared(root: Path, settings: Settings, given: Set[str], new: bool) -> None:
    """Begin an iteration and say what to edit.

    Raises:
        UsageError: flags of a new session for one that is there.
    """
    from dialectic.loop import steps
    from dialectic.loop.staged import CANDIDATE, STAGED

    fresh = new or not session_ids(root)
    strangers = sorted(given & set(OF_A_NEW_ONE))
    if strangers and not fresh:
        raise UsageError(f"--{strangers[0]}: a session keeps what it was started with; begin another with --new")
    prompt = stepped(lambda observer: steps.prepare(root, settings, fresh, observer), Quiet())
    head = f"iteration {prompt.iteration} of session {prompt.session_id}"
    if prompt.iteration == 1:
        show(text(f"{head} is the baseline: train.py as it is, nothing to edit", "bold"))
    else:
        suggestion = prompt.suggestion
        show(text(f"{head} is yours", "bold"))
        show(path_line("edit the candidate", str(root / CANDIDATE)))
        show(path_line("fill the form", str(root / STAGED)))
        show(text("What you leave at TODO is computed. Tensions and numbers in the form are a suggestion.", "dim"))
        show(text(f"builtin would {suggestion.move_type}: {suggestion.prediction}", "dim", limit=1_000))
    show(text("next: dialectic execute", "dim"))


def executed(root: Path) -> None:
    """Run the candidate and say what was measured."""
    from dialectic.loop import steps
    from dialectic.loop.staged import STAGED

    plan, measurement, verdict = stepped(lambda observer: steps.execute(root, observer), OneStep())
    if measurement.failure.kind != "none":
        show(text(f"{measurement.failure.kind}: {measurement.failure.message}", "red", limit=1_000))
    if measurement.score is not None:
        show(text(f"val_bpb {words.bpb(measurement.score.val_bpb)}"))
    first, *rest = words.explained(verdict, plan.iteration == 1)
    show(text(first, STYLES.get(verdict.decision, "")), *(text(line) for line in rest))
    if plan.iteration > 1:
        show(path_line('say what it means under "result" (the computed words stand there)', str(root / STAGED)))
    else:
        show(text("what the baseline means is computed from its numbers: nothing to write", "dim"))
    show(text("next: dialectic reflect", "dim"))


def reflected(root: Path) -> None:
    """Record the iteration and say where the session stands."""
    from dialectic.loop import steps

    result = stepped(lambda observer: steps.reflect(root, observer), Quiet())
    show(text(f"iteration {result.iteration} is recorded: {words.decision(result)}, outcome {result.outcome}", "bold"))
    show(text(result.summary_text, limit=1_000))
    show(text(f"next: dialectic show {result.iteration}, or dialectic prepare", "dim"))


def stepped(step: Callable[[Observer], T], observer: OneStep) -> T:
    """Do one step; a signal stops its run.

    Raises:
        Interrupted: the user stopped it.
    """
    try:
        with interruptible():
            return step(observer)
    except (Interrupted, KeyboardInterrupt) as error:
        raise Interrupted("interrupted; the same command goes on where it stopped") from error
