"""Attacks in a session of the real loop, with the static signs left out, so that one sees what the rest of it does.

Agents propose through :func:`dialectic.workspace.check`; here a plan is written past it, as for the file that a session
begins with. Everything behind it is the loop's own: the run in its cage, the scorer, the verdict, the reflection and
the records.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from dialectic import workspace
from dialectic.agents import found
from dialectic.agents.person import Person
from dialectic.config import SettingValue, load
from dialectic.executors.local import LocalExecutor
from dialectic.loop.house import House
from dialectic.loop.opening import open_house
from dialectic.loop.plan import write_plan
from dialectic.loop.propose import Prepared, bounds_of, brief, context_of
from dialectic.loop.turn import turn
from dialectic.state.cage import Level
from dialectic.state.run import Job, JobHandle, Limits
from dialectic.state.text import tail
from dialectic.workspace.signs import refusal
from tests.loop.conftest import Remembering
from tests.redteam.attack import ENDLESS_BYTES, FLOOD_BYTES, Attack, Limit, Outcome, Places
from tests.redteam.ground import Ground

BUDGET_SECONDS = 0.5
LOG_BYTES = 2_000_000


class SmallMachine(LocalExecutor):
    """The local executor with tighter limits on training runs, which stand in for a machine's."""

    def __init__(self) -> None:
        self.tighter: dict[str, Limit] = {}

    def submit(self, job: Job) -> JobHandle:
        """Start ``job`` within the tighter limits."""
        if self.tighter and not job.job_id.endswith(":score"):
            limits = Limits.model_validate(job.limits.model_dump() | self.tighter)
            job = job.model_copy(update={"limits": limits})
        return super().submit(job)


@dataclass(frozen=True)
class Fate:
    """What became of an attack in a session."""

    outcome: Outcome
    status: str
    failure: str
    """Kind of its failure, ``none`` when it has a score."""
    message: str
    kept: bool
    reached: bool
    """Whether the attack reached its goal; one that only its text gives away does so with its honest score."""
    spoiled: list[str] = field(default_factory=list)
    """Files of the session, the data or the user that were changed."""
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        """Whether it came to nothing: no goal reached, no incumbent moved, no file harmed."""
        return not self.reached and not self.kept and not self.spoiled

    @property
    def told(self) -> str:
        """In a few words, how it ended."""
        if self.failure != "none":
            return f"{self.status} ({self.failure}): {self.message}"
        what = "kept" if self.kept else "discarded"
        return f"scored {self.outcome.score:.3f} against {self.outcome.baseline:.3f} of the baseline and {what}"


class Arena:
    """A session whose every candidate is an attack."""

    def __init__(self, ground: Ground, level: Level) -> None:
        self.ground = ground
        self.machine = SmallMachine()
        given: dict[str, SettingValue] = {
            "profile": "smoke",
            "budget": BUDGET_SECONDS,
            "session": ground.session.name,
            "sandbox": level,
            "agent": "builtin",
            "executor": "local",
            "seed": 7,
            "max_repeats": 0,
            "confirm": False,
        }
        settings = load(ground.root, given)
        self.observer = Remembering()
        self.house: House = open_house(ground.root, settings, self.observer)
        self.house.executor = self.machine
        self.honest = self.house.incumbent_text
        result = turn(self.house, 1)
        assert result.score is not None, result.failure
        record = self.house.record.cage
        self.level: Level = record.level if record is not None else "none"
        """What this machine reached."""
        self.baseline = result.score.val_bpb

    def let_loose(self, attack: Attack) -> Fate:
        """One iteration with the attack as its candidate."""
        house, ground = self.house, self.ground
        iteration = len(house.history) + 1
        text = attack.train_py(self.honest, ground.places())
        briefing, bounds = brief(house, iteration), bounds_of(house)
        proposal = found.baseline(context_of(house, iteration, briefing, bounds))
        # A person's crash goes back to nobody, so that an attack is tried once and not replaced by an agent's idea.
        prepared = Prepared(proposal, "agent", text, "an attack", bounds, agent=Person.name)
        house.planned = write_plan(house, iteration, briefing, prepared)
        self.machine.tighter = dict(attack.limits)
        ground.keep()
        began = time.perf_counter()
        result = turn(house, iteration)
        seconds = time.perf_counter() - began
        ground.settle()
        score = result.score.val_bpb if result.score is not None else None
        told = self._log(iteration) + f"\n{result.failure.message}\n{result.summary_text}\n"
        outcome = Outcome(log=told, score=score, baseline=self.baseline, ground=ground)
        fate = Fate(
            outcome=outcome,
            status=result.status,
            failure=result.failure.kind,
            message=result.failure.message,
            kept=result.verdict.decision == "keep",
            reached=attack.goal(outcome) and not attack.only_text,
            spoiled=ground.mend(),
            seconds=seconds,
        )
        ground.clear()
        return fate

    def _log(self, iteration: int) -> str:
        """What the run printed, as a reader is shown it, and what the session suffered."""
        execution = self.house.session.iteration(iteration).execution
        path = execution / "run.log"
        long = path.exists() and path.stat().st_size > ENDLESS_BYTES
        events = execution / "live-events.ndjson"
        flooded = events.exists() and events.stat().st_size > FLOOD_BYTES
        return (
            tail(path, LOG_BYTES)
            + "\nFLOODED\n" * flooded
            + "\nENDLESS\n" * long
            + "\nLEFT\n" * (execution / "work").exists()
        )


def signs(attack: Attack, honest: str, places: Places) -> tuple[list[str], bool]:
    """The rules that an attack's text falls under beyond the honest file, and whether one of them refuses it.

    Its places are named without their paths: an attacker need not write them down as they are.
    """
    found_signs = workspace.signs(attack.train_py(honest, {name: name for name in places}), [honest])
    return sorted({sign.rule for sign in found_signs}), refusal(found_signs) is not None
