"""``dialectic diff``: what a candidate changed."""

from __future__ import annotations

from pathlib import Path

from dialectic.cli.output import print_json, show, show_patch, text
from dialectic.cli.reading import number
from dialectic.errors import CorruptRecord
from dialectic.session import Session, open_session


def diff(root: Path, session_id: str | None, iteration: str, other: str | None, as_json: bool) -> None:
    """Print the unified diff of candidate ``iteration`` against its incumbent, or against iteration ``other``."""
    session = open_session(root, session_id)
    one = number(iteration)
    session.read(one)
    patch = recorded_patch(session, one) if other is None else between(session, one, number(other))
    if as_json:
        print_json({"iteration": one, "other": number(other) if other else 0, "patch": patch})
    elif patch.strip():
        show_patch(patch)
    else:
        show(text(f"iteration {one} changed nothing" if other is None else "both are the same train.py"))


def recorded_patch(session: Session, iteration: int) -> str:
    """The patch that was recorded with the plan; empty for the baseline."""
    return _read(session.iteration(iteration).patch)


def between(session: Session, one: int, other: int) -> str:
    """The diff from iteration ``one`` to iteration ``other``."""
    from dialectic.workspace import diff as unified

    session.read(other)
    old, new = (_read(session.iteration(number).train_py) for number in (one, other))
    return unified(old, new, (f"{one:03d}/train.py", f"{other:03d}/train.py"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CorruptRecord(f"{path}: cannot be read ({error.strerror or error})") from error
