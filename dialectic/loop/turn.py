"""The loop, on one page."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dialectic.config import Settings
from dialectic.errors import DialecticError, Interrupted
from dialectic.loop.chances import run_candidate
from dialectic.loop.closing import close
from dialectic.loop.compare import compare
from dialectic.loop.house import House
from dialectic.loop.opening import open_house
from dialectic.loop.plan import write_plan
from dialectic.loop.propose import brief, propose
from dialectic.loop.reflect import reflect, write_result
from dialectic.loop.reopening import reopen_house
from dialectic.loop.staged import restage
from dialectic.session import open_session
from dialectic.state.observer import Ending, Observer
from dialectic.state.plan import Plan
from dialectic.state.result import Result


def run_session(root: Path, settings: Settings, observer: Observer) -> Ending:
    """Run a new session: the baseline, then ``settings.iterations`` candidates, or candidates until it is stopped.

    Raises:
        DialecticError: nothing can be started, the baseline has no score, or the machine failed.
        Interrupted: the user stopped it; every finished iteration is on disk.
    """
    house = open_house(root, settings, observer)
    with house.session.hold():
        return go_on(house)


def resume_session(root: Path, settings: Settings, given: Collection[str], observer: Observer) -> Ending:
    """Go on with a session that was stopped, however that happened; ``settings.iterations`` is its total.

    ``given`` are the names of the settings that the command line gave; everything else is the session's own.

    Raises:
        DialecticError, Interrupted: as :func:`run_session`; or another runner holds the session.
    """
    session = open_session(root, settings.session)
    with session.hold():
        return go_on(reopen_house(session, settings, given, observer))


def go_on(house: House) -> Ending:
    """Turn after turn until the session has what it was asked for; then close it."""
    try:
        house.require_baseline()
        for iteration in house.remaining():
            turn(house, iteration)
            house.require_baseline()
        return close(house)
    except (DialecticError, Interrupted):
        house.live("interrupted", is_active=False)
        raise


def prepare(house: House, iteration: int) -> Plan:
    """The iteration's plan: found where a stopped runner left it, else made."""
    if house.planned is not None and house.planned.iteration == iteration:
        restage(house, house.planned)
        return house.planned
    briefing = brief(house, iteration)
    return write_plan(house, iteration, briefing, propose(house, iteration, briefing))


def turn(house: House, iteration: int) -> Result:
    """One iteration: prepare, run, score, judge, reflect, record, learn."""
    plan, measurement = run_candidate(house, prepare(house, iteration))
    judged, belief = compare(house, plan, measurement)
    reflection = reflect(house, plan, measurement, judged)
    result = write_result(house, plan, measurement, judged, reflection)
    house.learn(plan, result, belief)
    return result
