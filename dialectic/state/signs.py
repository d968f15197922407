"""Signs of cheating: what a candidate uses beyond the files it comes from, and claims of a run that do not hold."""

from __future__ import annotations

from typing import Literal

from dialectic.state.base import Text, Value

RefusedRule = Literal[
    "clock",
    "evaluated-text",
    "hidden-name",
    "hook",
    "import-machinery",
    "native",
    "network",
    "patch",
    "pickle",
    "prepare",
    "process",
    "seed",
    "token-files",
]
"""Signs for which a candidate is refused before compute is spent; nothing relaxes them."""

FlaggedRule = Literal["custom-operator", "environment", "file", "import", "random-state", "threads"]
"""Signs that are recorded; the user may tolerate them by naming them under ``allow``."""

RunRule = Literal["claims"]
"""Signs that only a run shows: what it told of itself does not agree with what was seen of it."""


class Sign(Value):
    """One sign, with the line of ``train.py`` that bears it; 0 where no line does."""

    rule: RefusedRule | FlaggedRule | RunRule
    line: int = 0
    text: Text = ""
    """The code itself, shortened, or what does not agree."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{self.rule}: {place}{self.text}"
