"""``dialectic sessions``: the sessions of a research folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import complain, print_json, show, text
from dialectic.cli.reading import entries, session_belief
from dialectic.errors import DialecticError, RecordError, SessionBusy
from dialectic.session import Session, session_ids
from dialectic.state.files import read_record
from dialectic.state.session import LiveState


def sessions(root: Path, as_json: bool) -> int:
    """Print the sessions, oldest first; returns 1 when one of them cannot be read, else 0."""
    found, troubles = [], []
    for name in session_ids(root):
        try:
            found.append(summary(Session(root, name)))
        except RecordError as error:
            troubles.append(f"session {name} cannot be read: {error}")
    if as_json:
        print_json(found)
    elif found:
        show(_table(found), wide=True)
    elif not troubles:
        show(text(f"no session in {root} yet; start one with {words.command(root, 'run')}"))
    for trouble in troubles:
        complain(trouble)
    return int(bool(troubles))


def summary(session: Session) -> dict[str, Any]:
    """One session as a flat object; ``baseline`` and ``best`` in bpb, null before a baseline was scored."""
    record = session.record()
    found = entries(session)
    results = [entry.iteration[1] for entry in found if entry.iteration is not None]
    finished = [result for result in results if result is not None]
    belief = session_belief(record, finished)
    return {
        "session_id": session.id,
        "created_at": record.created_at,
        "agent": record.agent.name,
        "model": record.agent.model,
        "profile": record.profile.name if record.profile else "",
        "iterations": len(found),
        "finished_iterations": len(finished),
        "baseline": belief.baseline.estimate if belief else None,
        "best": belief.incumbent.estimate if belief else None,
        "state": state(session),
    }


def state(session: Session) -> str:
    """``running``, ``finished``, ``failed`` when the baseline has no score, ``interrupted``, ``waiting`` for a person's
    next step, or ``stopped`` when it ended without saying so."""
    known = _told_state(session)
    return "failed" if known != "running" and _baseline_failed(session) else known


def _baseline_failed(session: Session) -> bool:
    """Whether nothing can ever be compared in this session: no resumption helps it."""
    try:
        result = session.read(1)[1]
    except DialecticError:
        return False
    return result is not None and result.keep_discard_status == "crash"


def _told_state(session: Session) -> str:
    try:
        live = read_record(session.folder / "live" / "state.json", LiveState)
    except RecordError:
        return "running" if _is_held(session) else "stopped"
    if live.phase == "completed":
        return "finished"
    if not live.is_active:
        return "interrupted" if live.phase == "interrupted" else "waiting"
    return "running" if _is_held(session) else "stopped"


def _is_held(session: Session) -> bool:
    if not (session.folder / ".lock").exists():
        return False
    try:
        with session.hold():
            return False
    except SessionBusy:
        return True
    except OSError:  # a folder of somebody else's, where no lock can be tried
        return False


def _table(found: list[dict[str, Any]]) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in ("session", "created", "agent", "profile"):
        drawn.add_column(name, no_wrap=True)
    for name in ("iterations", "baseline", "best"):
        drawn.add_column(name, no_wrap=True, justify="right")
    drawn.add_column("state", no_wrap=True)
    for one in found:
        agent = f"{one['agent']} {one['model']}".strip()
        drawn.add_row(
            *(text(words_, limit=40) for words_ in (one["session_id"], one["created_at"][:16], agent, one["profile"])),
            Text(str(one["iterations"])),
            Text(words.bpb(one["baseline"])),
            Text(words.bpb(one["best"])),
            Text(one["state"], style="cyan" if one["state"] == "running" else ""),
        )
    return drawn
