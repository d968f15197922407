"""What a killed runner left half done, put in order before another goes on.

Plans and results stay as they are. What was begun after the last of them is begun again, so what there is of it goes:
a session that was killed and resumed reads like one that never was.
"""

from __future__ import annotations

import json
import shutil

from dialectic.session.folder import IterationFolder
from dialectic.session.store import Session
from dialectic.state.base import iteration_label
from dialectic.state.files import TEMPORARY, sweep, write_text

PREPARED = ("prepare_started", "prepare_completed")
AT_THE_END = ("confirm_started", "confirm_completed", "session_completed")
"""A session that goes on ends anew."""


def mend(session: Session, finished: int, planned: int | None) -> list[str]:
    """Drop what lies behind iteration ``finished``, but the plan of iteration ``planned`` and what has run of it.

    The caller holds the session. Returns which events there are of the planned iteration.
    """
    sweep(list(session.folder.rglob(f"*{TEMPORARY}")))
    for path in (session.folder / "iterations").glob("[0-9]*"):
        if path.name.isdecimal() and int(path.name) > finished and not (path / "plan.json").exists():
            shutil.rmtree(path)
    if planned is not None:
        shutil.rmtree(session.iteration(planned).phase("reflect"), ignore_errors=True)
    return _mend_events(session, finished, planned)


def unplanned(session: Session, finished: int) -> IterationFolder | None:
    """The folder of an iteration whose prepare phase was killed before its plan; None when there is none."""
    folder = session.iteration(finished + 1)
    return folder if folder.path.exists() and not folder.plan.exists() else None


def _mend_events(session: Session, finished: int, planned: int | None) -> list[str]:
    """Keep the whole lines of ``live/events.ndjson`` up to where the session goes on."""
    path = session.folder / "live" / "events.ndjson"
    before = path.read_bytes() if path.exists() else b""
    done = {iteration_label(number) for number in range(1, finished + 1)}
    kept: list[str] = []
    prepared: dict[str, str] = {}
    for line in before.decode("utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
            kind, label = event["type"], event["iteration_label"]
        except (ValueError, KeyError, TypeError):
            continue
        if kind in AT_THE_END:
            continue
        if label in done:
            kept.append(line)
        elif planned is not None and label == iteration_label(planned) and kind in PREPARED:
            prepared[kind] = line
    text = "".join(f"{line}\n" for line in [*kept, *(prepared[kind] for kind in PREPARED if kind in prepared)])
    if text.encode("utf-8") != before:
        write_text(path, text)
    return list(prepared)
