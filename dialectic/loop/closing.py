"""How a session ends, and the adoption of its incumbent into the top-level ``train.py``."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dialectic import knowledge, verdict
from dialectic.errors import RecordError, SessionError, WorkspaceError
from dialectic.loop.confirm import confirm_at_end
from dialectic.loop.house import KNOWLEDGE, House
from dialectic.loop.memory import fold_sessions
from dialectic.session import Session, open_session
from dialectic.state.confirmation import Pair
from dialectic.state.files import write_bytes
from dialectic.state.observer import Ending
from dialectic.state.words import command
from dialectic.verdict import ADOPTION_PROBABILITY

SAVED = "train.py.bak"
"""What an adoption by force overwrites."""
TEST_PROFILES = frozenset({"smoke"})
"""Profiles of tests: what two seconds of training prefer means nothing for the others, so they never adopt."""


def close(house: House) -> Ending:
    """Confirm the incumbent by fresh pairs, adopt it when the rule allows (design, rule 1), and tell how it ended."""
    results = [result for _, result, _ in house.history if result is not None]
    confirmation = confirm_at_end(house)
    adopted, adoption = _adopt_at_end(house, confirmation.pairs if confirmation else [])
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
        confirmation=confirmation,
    )
    house.session.append_event("session_completed", house.iteration, adopted=str(adopted).lower())
    house.live("completed", is_active=False)
    knowledge.write(house.root / KNOWLEDGE, fold_sessions(house.root, house.observer))
    house.observer.closed(ending)
    return ending


def _adopt_at_end(house: House, pairs: list[Pair]) -> tuple[bool, str]:
    """Whether the incumbent replaced the top-level file, and the line that says so or why not; what fresh ``pairs``
    said counts as well."""
    take = command(house.root, f"adopt --session {house.session.id}")
    if house.incumbent_iteration == 1:
        return False, "train.py is unchanged: no candidate was kept"
    probability = verdict.informed(house.belief, pairs).probability_better_than_baseline()
    sure = f"better with probability {probability:.2f}" + (", its fresh pairs counted" if pairs else "")
    reasons = []
    if not house.settings.adopt:
        reasons.append("--no-adopt was given")
    if house.profile.name in TEST_PROFILES:
        reasons.append(f"profile {house.profile.name} is for tests: its numbers say nothing about other profiles")
    if house.profile.overridden:
        reasons.append("the budget was not the profile's own")
    if probability < ADOPTION_PROBABILITY:
        reasons.append(f"it is {sure}, less than {ADOPTION_PROBABILITY}")
    target = house.root / "train.py"
    # What an earlier end of this session adopted may be replaced by what is better: it is in the session's files.
    if not target.exists() or not _is_ours(house.session, target.read_bytes()):
        reasons.append("train.py was changed since the session began")
    if reasons:
        why = "; ".join(reasons)
        if house.profile.name in TEST_PROFILES:
            return False, f"train.py is unchanged ({why})"
        return False, f"train.py is unchanged ({why}); take iteration {house.incumbent_iteration} with `{take}`"
    write_bytes(target, house.incumbent_text.encode("utf-8"))
    return True, f"train.py is now iteration {house.incumbent_iteration}: {sure}"


def adopt(root: Path, session_id: str | None, force: bool = False) -> str:
    """Copy a session's incumbent over the top-level ``train.py`` because the user asks for it.

    With ``force`` also over one that would be lost, which is saved beside it as :data:`SAVED`.

    Raises:
        UsageError: there is no such session.
        SessionError: nothing but the baseline was kept.
        WorkspaceError: ``train.py`` is neither what the session started from nor the incumbent: it would be lost.
    """
    session = open_session(root, session_id)
    kept = _kept(session)
    if not kept:
        raise SessionError(f"session {session.id} kept no candidate; there is nothing to adopt")
    best = kept[-1]
    text = session.candidate(best)
    target = root / "train.py"
    if target.exists() and target.read_bytes() == text:
        return f"train.py is iteration {best} of session {session.id} already"
    told = f"train.py is now iteration {best} of session {session.id}"
    if target.exists() and not _is_ours(session, target.read_bytes()):
        if not force:
            raise WorkspaceError(
                f"{target}: was changed since session {session.id} began; --force replaces it and keeps it as "
                f"{SAVED}, or take the file yourself from {session.iteration(best).train_py}"
            )
        write_bytes(root / SAVED, target.read_bytes())
        told += f"; the one before is {SAVED}"
    write_bytes(target, text)
    return told


def _is_ours(session: Session, content: bytes) -> bool:
    """Whether ``content`` is what the session started from, or a candidate of it that was kept: nothing is lost."""
    if hashlib.sha256(content).hexdigest() == session.record().base_train_sha256:
        return True
    texts = [session.iteration(number).train_py for number in _kept(session)]
    return any(path.exists() and path.read_bytes() == content for path in texts)


def _kept(session: Session) -> list[int]:
    """The candidates that were kept; a damaged file of another one does not stand in the way."""
    kept = []
    for number in session.numbers():
        try:
            result = session.read(number)[1]
        except RecordError:
            continue
        if number > 1 and result is not None and result.keep_discard_status == "keep":
            kept.append(number)
    return kept
