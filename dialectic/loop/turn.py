"""The loop, on one page."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from dialectic import verdict
from dialectic.config import Settings
from dialectic.errors import DialecticError, Interrupted, SessionError
from dialectic.loop.chances import run_candidate
from dialectic.loop.closing import close
from dialectic.loop.house import House
from dialectic.loop.opening import open_house
from dialectic.loop.plan import write_plan
from dialectic.loop.propose import brief, propose
from dialectic.loop.reflect import reflect, write_result
from dialectic.state.observer import Ending, Observer
from dialectic.state.result import Result


def run_session(root: Path, settings: Settings, observer: Observer) -> Ending:
    """Run a new session: the baseline, then ``settings.iterations`` candidates, or candidates until it is stopped.

    Raises:
        DialecticError: nothing can be started, the baseline has no score, or the machine failed.
        Interrupted: the user stopped it; every finished iteration is on disk.
    """
    house = open_house(root, settings, observer)
    with house.session.hold():
        try:
            for iteration in range(1, settings.iterations + 2) if settings.iterations else count(1):
                turn(house, iteration)
        except (DialecticError, Interrupted):
            house.live("interrupted", is_active=False)
            raise
        return close(house)


def turn(house: House, iteration: int) -> Result:
    """One iteration: prepare, run, score, judge, reflect, record, learn."""
    briefing = brief(house, iteration)
    prepared = propose(house, iteration, briefing)
    plan = write_plan(house, iteration, briefing, prepared)
    plan, measurement = run_candidate(house, plan, prepared.rejected)
    house.enter(iteration, "verdict")
    judged, belief = verdict.judge(house.belief, house.experiment_id(iteration), measurement.runs)
    reflection = reflect(house, plan, measurement, judged)
    result = write_result(house, plan, measurement, judged, reflection)
    house.learn(plan, result, belief)
    if house.belief.mean is None:
        raise SessionError(
            f"the baseline has no score ({result.failure.kind}: {result.failure.message}); mend train.py, "
            f"or see `dialectic show 1` and {plan.execution_dir}/run.log"
        )
    return result
