"""Why a handed-over file is not scored."""

from __future__ import annotations

from typing import NoReturn

WORDS = 200
"""Characters of a foreign name that are repeated in a message."""


class Refused(Exception):
    """The file breaks a rule that every honest hand-over keeps; the text is ``rule: what was found``."""

    def __init__(self, rule: str, found: str) -> None:
        super().__init__(f"{rule}: {found}")
        self.rule = rule


def refuse(rule: str, found: str) -> NoReturn:
    """Raise `Refused`."""
    raise Refused(rule, found)


def require(holds: bool, rule: str, found: str) -> None:
    """Raise `Refused` unless ``holds``."""
    if not holds:
        raise Refused(rule, found)


def quoted(name: object) -> str:
    """A foreign value, quoted, printable and short enough for a message."""
    text = ascii(name)
    return text if len(text) <= WORDS else text[:WORDS] + "…"
