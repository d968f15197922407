"""The tension graph of everything that lies under ``experiment_logs/``."""

from __future__ import annotations

from pathlib import Path

from dialectic.errors import RecordError, UsageError
from dialectic.knowledge import TensionGraph, rebuild
from dialectic.session import Iteration, Session, open_session, session_ids
from dialectic.state.observer import Observer


def fold_sessions(root: Path, observer: Observer, resumed: str = "") -> TensionGraph:
    """The tension graph of all sessions on disk; what cannot be read of them is told and left out.

    Of the session ``resumed`` a plan without a result is left out as well: whoever asks the graph once more about that
    iteration must be told what was told before it was planned.
    """
    logs = []
    for name in session_ids(root):
        try:
            session = open_session(root, name)
            found = _readable(session, observer)
            logs.append((session.record(), [one for one in found if one[1] is not None or name != resumed]))
        except (RecordError, UsageError) as error:
            observer.note(f"session {name} is left out of the tension graph: {error}")
    return rebuild(logs)


def _readable(session: Session, observer: Observer) -> list[Iteration]:
    found = []
    for number in session.numbers():
        try:
            found.append(session.read(number))
        except RecordError as error:
            observer.note(f"iteration {number} of session {session.id} is left out of the tension graph: {error}")
    return found
