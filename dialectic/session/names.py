"""Session ids, and finding sessions in a research folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from dialectic.errors import RecordError, UsageError
from dialectic.session.folder import LOGS
from dialectic.state.files import read_record
from dialectic.state.session import SessionRecord

SESSION_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


def check_session_id(session_id: str) -> str:
    """``session_id`` when it may become a folder's name.

    Raises:
        UsageError: it holds a slash, ``..`` or anything else that could leave the folder.
    """
    if not SESSION_ID.fullmatch(session_id) or ".." in session_id:
        raise UsageError(
            f"session id {session_id!r} cannot be used; take letters, digits, '.', '_' and '-' (100 at most, no '..')"
        )
    return session_id


def new_session_id(root: Path) -> str:
    """A name made of the time in UTC that no session has yet."""
    base = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name, count = base, 1
    while (root / LOGS / name).exists():
        count += 1
        name = f"{base}-{count}"
    return name


def session_ids(root: Path) -> list[str]:
    """Every session of a research folder, oldest first."""
    found = []
    for path in (root / LOGS).glob("*/session.json"):
        if not SESSION_ID.fullmatch(path.parent.name):
            continue
        try:
            created = read_record(path, SessionRecord).created_at
        except RecordError:
            created = ""
        found.append((created, path.parent.name))
    return [name for _, name in sorted(found)]
