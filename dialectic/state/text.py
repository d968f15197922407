"""Text from runs, logs and models is data (design, rule 8): cleaned and cut before anybody sees it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

ESCAPES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # operating system commands: titles, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # device control and other strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, cursor movements
    r"|\x1b[ -/]*[0-~]?"
)
"""Terminal escape sequences after ECMA-48, in their 7-bit and 8-bit forms; an unfinished one ends with its line."""

INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks and overrides of the writing direction
    "\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # nothing to see
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors and tags: they can carry hidden text
    "\ud800-\udfff]"  # halves of a character, which no encoder takes
)

BLOCK_BYTES = 65_536


def clean(text: str, limit: int) -> str:
    """``text`` without control sequences and invisible characters, at most ``limit`` characters.

    Of a progress line that rewrites itself with carriage returns the last state stays. Too long a text is cut at its
    end, with an ellipsis.
    """
    visible = _visible(text)
    return visible if len(visible) <= limit else visible[: max(limit - 1, 0)] + "…"[:limit]


def tail(path: Path, limit: int) -> str:
    """The cleaned end of a text file, at most ``limit`` characters; empty when there is no such regular file.

    However long the file, only its end is read.
    """
    visible = _visible(read_end(path, 8 * limit + BLOCK_BYTES).decode("utf-8", errors="replace")).strip("\n")
    return visible if len(visible) <= limit else "…"[:limit] + visible[len(visible) - max(limit - 1, 0) :]


def read_end(path: Path, size: int) -> bytes:
    """The last ``size`` bytes of a regular file; empty for anything else: a run may leave a pipe or a link there."""
    return read_from(path, -size, size)[0]


def read_from(path: Path, offset: int, size: int) -> tuple[bytes, int]:
    """Up to ``size`` bytes of a regular file from ``offset`` on (from its end where negative), and the file's size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b"", 0
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return b"", 0
    with os.fdopen(descriptor, "rb") as stream:
        stream.seek(offset if offset >= 0 else max(facts.st_size + offset, 0))
        return stream.read(size), facts.st_size


def _visible(text: str) -> str:
    plain = ESCAPES.sub("", text).replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "\n".join(_last_state(line) for line in plain.split("\n"))


def _last_state(line: str) -> str:
    states = [INVISIBLE.sub("", state) for state in line.split("\r")]
    return next((state for state in reversed(states) if state.strip()), states[0])
