"""A process that watches a made-up session: ``python -m tests.cli.drive ROOT [--json] [SCENE]``.

It stands in for the loop where a test needs a session that tells and lasts exactly what the test says; the observers,
the signals and the exit codes are the real ones.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dialectic.cli.border import guarded
from dialectic.cli.run import watched
from dialectic.errors import ExecutorError
from dialectic.state.base import utc_now
from dialectic.state.observer import Announcement, Ending, Observer
from dialectic.state.result import Estimate
from dialectic.state.run import LiveEvent
from tests.cli.build import SD, Builder

HOSTILE = "Prediction: [red]markup[/red] and \x1b]0;title\x07 and \x1b[2J will stay text because it is data."


def announcement() -> Announcement:
    """Two candidates on the cpu profile."""
    return Announcement(
        session_id="night",
        agent="builtin",
        agent_reason="no key was found",
        profile="cpu",
        profile_reason="no accelerator was found",
        corpus="stdlib",
        executor="local",
        iterations=2,
        runs=3,
        budget_seconds=60.0,
        clock="cpu",
        longest_seconds=900.0,
        likely_seconds=216.0,
    )


def step(number: int, progress: float) -> LiveEvent:
    """What train.py tells about one step."""
    told: dict[str, float | str | bool | dict[str, float | None] | None] = {
        "step": float(number),
        "progress_pct": progress,
        "train_loss_ema": 3.25,
        "tokens_per_second": 10_950.0,
        "remaining_seconds": 60 - 0.6 * progress,
    }
    return LiveEvent(type="train_step", timestamp=utc_now(), seq=number, fields=told)


def session(root: Path, observer: Observer, scene: str) -> None:
    """Baseline and one candidate; then what ``scene`` says: it ends, lasts, or the machine fails."""
    builder = Builder(root)
    observer.note("preparing corpus stdlib")
    observer.opened(builder.session.record(), announcement())
    for iteration, value in ((1, 2.0), (2, 1.98)):
        observer.phase(iteration, "prepare", 1)
        knobs = {"DEPTH": "PROFILE.depth + 1"} if iteration > 1 else {}
        plan = builder.plan(iteration, "exploit", HOSTILE, **knobs)
        observer.planned(plan)
        observer.phase(iteration, "run", 1)
        for number in range(1, 21):
            observer.event(plan, step(number, 5.0 * number))
            time.sleep(0.3 if scene == "draw" and number == 10 else 0)
        observer.phase(iteration, "score", 1)
        observer.finished(plan, builder.result(plan, value, "keep"))
    if scene == "last":
        observer.phase(3, "prepare", 1)
        time.sleep(60)
    if scene == "fail":
        raise ExecutorError("the machine went away; start it and run again")
    baseline, incumbent = (Estimate(experiment_id=f"night:00{n}", estimate=e, sd=SD) for n, e in ((1, 2.0), (2, 1.98)))
    observer.closed(
        Ending(
            session_id="night",
            baseline=baseline,
            incumbent=incumbent,
            probability_better=0.97,
            keeps=1,
            discards=0,
            crashes=0,
            adopted=True,
            adoption="train.py is now iteration 2",
        )
    )


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--json"]
    chosen = words[1] if len(words) > 1 else "end"
    sys.exit(
        guarded(
            lambda: watched(
                lambda observer: session(Path(words[0]), observer, chosen), "--json" in sys.argv, Path(words[0])
            )
        )
    )
