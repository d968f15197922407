"""What lies in ``research_state/``: the staged state of one iteration, and what a person edits between two steps.

There is one place for all sessions of a research folder. Whoever begins an iteration clears it, but a person's work
that is recorded nowhere else is never deleted: a step by hand refuses, and a session, which must not stop, puts it
aside.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from dialectic.errors import RecordError, UsageError
from dialectic.loop.house import House
from dialectic.session import Session
from dialectic.state.base import iteration_label
from dialectic.state.files import read_record, storage_error, write_bytes
from dialectic.state.plan import Plan
from dialectic.state.step import STEP, Step

STAGED = STEP.with_name("current_iteration.json")
CANDIDATE = STEP.with_name("train.py")
"""The copy of the incumbent that the person edits."""


def clear_staged(house: House) -> None:
    """Remove the staged state, and what says whose it was: in the reference system one iteration's text leaked into
    the next. A person's work that is not recorded yet stays, under other names where it has to."""
    root, step, lost = house.root, _read_step(house.root), unfinished(house.root)
    try:
        if lost is not None:
            aside = root / STAGED.with_name(f"{lost.session_id}-{iteration_label(lost.iteration)}.json")
            if (root / STAGED).exists():
                (root / STAGED).replace(aside)
            house.observer.note(
                f"iteration {lost.iteration} of session {lost.session_id} was begun by hand and makes room; what was "
                f"written for it is kept: {root / CANDIDATE} and {aside}"
            )
        elif step is not None and step.iteration > 1:
            (root / CANDIDATE).unlink(missing_ok=True)
        for part in (STAGED, STEP):
            (root / part).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(root / STAGED, error) from error


def restage(house: House, plan: Plan) -> None:
    """Put a found plan's staged state back: another session may have staged its own since. A person's form of the
    same iteration holds more than was planned, so it stays."""
    step = _read_step(house.root)
    if step is not None and (step.session_id, step.iteration) == (house.session.id, plan.iteration):
        return
    clear_staged(house)
    staged = house.session.iteration(plan.iteration).phase("prepare") / STAGED.name
    if staged.exists():
        write_bytes(house.root / STAGED, staged.read_bytes())


def refuse_loss(root: Path) -> None:
    """Refuse to begin an iteration where that would clear a person's work.

    Raises:
        UsageError: an iteration by hand is not finished; its message says how to go on.
    """
    step = unfinished(root)
    if step is None:
        return
    whose = f"iteration {step.iteration} of session {step.session_id}"
    if step.executed:
        raise UsageError(f"{whose} was executed and is not recorded yet; go on with dialectic reflect")
    if Session(root, step.session_id).iteration(step.iteration).plan.exists():
        raise UsageError(f"{whose} is planned already; go on with dialectic execute")
    raise UsageError(
        f"{root / CANDIDATE}: holds edits for {whose}; dialectic execute runs them; to begin anew move that file away "
        f"first"
    )


def refuse_strange(root: Path, incumbent: str) -> None:
    """Refuse to write the incumbent over a candidate that no step speaks for: a session left it behind.

    Raises:
        UsageError: there is one.
    """
    step, path = _read_step(root), root / CANDIDATE
    owned = step is not None and step.iteration > 1
    if not owned and path.is_file() and path.read_bytes() != incumbent.encode("utf-8"):
        raise UsageError(f"{path}: holds edits of an earlier iteration; move that file away, then dialectic prepare")


def unfinished(root: Path) -> Step | None:
    """The step by hand that lies here, if clearing it would lose work; of the baseline nothing is a person's."""
    step = _read_step(root)
    if step is None or step.iteration == 1:
        return None
    folder = Session(root, step.session_id).iteration(step.iteration)
    if folder.result.exists():
        return None
    return step if folder.plan.exists() or _is_edited(root / CANDIDATE, step) else None


def _is_edited(candidate: Path, step: Step) -> bool:
    return candidate.is_file() and hashlib.sha256(candidate.read_bytes()).hexdigest() != step.candidate_sha256


def _read_step(root: Path) -> Step | None:
    """The step that lies here; a file that cannot be read speaks for nobody."""
    try:
        return read_record(root / STEP, Step) if (root / STEP).exists() else None
    except RecordError:
        return None
