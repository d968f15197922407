"""How a session ends, and the adoption of its incumbent into the top-level ``train.py``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dialectic import knowledge
from dialectic.errors import CorruptRecord, RecordError, SessionError, WorkspaceError
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.memory import fold_sessions
from dialectic.session import Session, open_session
from dialectic.state.files import write_bytes
from dialectic.state.observer import Ending
from dialectic.verdict import ADOPTION_PROBABILITY

TEST_PROFILES = frozenset({"smoke"})
"""Profiles of tests: what two seconds of training prefer means nothing for the others, so they never adopt."""


def close(house: House) -> Ending:
    """Tell how it ended, and adopt the incumbent when the rule allows (design, rule 1)."""
    results = [result for _, result, _ in house.history if result is not None]
    adopted, adoption = _adopt_at_end(house)
    candidates = results[1:]
    ending = Ending(
        session_id=house.session.id,
        baseline=house.belief.baseline,
        incumbent=house.belief.incumbent,
        probability_better=house.belief.probability_better_than_baseline(),
        keeps=sum(result.keep_discard_status == "keep" for result in candidates),
        discards=sum(result.keep_discard_status == "discard" for result in candidates),
        crashes=sum(result.keep_discard_status == "crash" for result in candidates),
        adopted=adopted,
        adoption=adoption,
    )
    house.session.append_event("session_completed", house.iteration, adopted=str(adopted).lower())
    house.live("completed", is_active=False)
    knowledge.write(house.root / KNOWLEDGE, fold_sessions(house.root, house.observer))
    house.observer.closed(ending)
    return ending


def _adopt_at_end(house: House) -> tuple[bool, str]:
    """Whether the incumbent replaced the top-level file, and the line that says so or why not."""
    command = f"dialectic adopt --session {house.session.id}"
    if house.incumbent_iteration == 1:
        return False, "train.py is unchanged: no candidate was kept"
    probability = house.belief.probability_better_than_baseline()
    reasons = []
    if not house.settings.adopt:
        reasons.append("--no-adopt was given")
    if house.profile.name in TEST_PROFILES:
        reasons.append(f"profile {house.profile.name} is for tests: its numbers say nothing about other profiles")
    if house.profile.overridden:
        reasons.append("the budget was not the profile's own")
    if probability < ADOPTION_PROBABILITY:
        reasons.append(f"it is better with probability {probability:.2f}, less than {ADOPTION_PROBABILITY}")
    if not _is_base(house.root, house.record.base_train_sha256):
        reasons.append("train.py was changed since the session began")
    if reasons:
        why = "; ".join(reasons)
        return False, f"train.py is unchanged ({why}); take iteration {house.incumbent_iteration} with `{command}`"
    write_bytes(house.root / "train.py", house.incumbent_text.encode("utf-8"))
    return True, f"train.py is now iteration {house.incumbent_iteration}: better with probability {probability:.2f}"


def adopt(root: Path, session_id: str | None) -> str:
    """Copy a session's incumbent over the top-level ``train.py`` because the user asks for it.

    Raises:
        UsageError: there is no such session.
        SessionError: nothing but the baseline was kept.
        WorkspaceError: ``train.py`` is neither what the session started from nor the incumbent: it would be lost.
    """
    session = open_session(root, session_id)
    best = _best_iteration(session)
    text = _kept_text(session, best)
    target = root / "train.py"
    if target.exists() and target.read_bytes() == text:
        return f"train.py is iteration {best} of session {session.id} already"
    if target.exists() and not _is_base(root, session.record().base_train_sha256):
        raise WorkspaceError(
            f"{target}: was changed since session {session.id} began; save it, or take the file yourself from "
            f"{session.iteration(best).train_py}"
        )
    write_bytes(target, text)
    return f"train.py is now iteration {best} of session {session.id}"


def _best_iteration(session: Session) -> int:
    """The last candidate that was kept; a damaged file of another one does not stand in the way."""
    for number in reversed(session.numbers()):
        try:
            result = session.read(number)[1]
        except RecordError:
            continue
        if number > 1 and result is not None and result.keep_discard_status == "keep":
            return number
    raise SessionError(f"session {session.id} kept no candidate; there is nothing to adopt")


def _kept_text(session: Session, iteration: int) -> bytes:
    path = session.iteration(iteration).train_py
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptRecord(
            f"{path}: cannot be read ({error.strerror}); restore it or adopt another session"
        ) from error


def _is_base(root: Path, sha256: str) -> bool:
    path = root / "train.py"
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
