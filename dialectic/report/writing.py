"""Text that is put into a table or a page: one line, cleaned, escaped (design, rule 8)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialectic.state.text import clean

SPECIAL = re.compile(r"([\\`*\[\]<>|~#$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""What Markdown, its tables, its formulas and the HTML in it would take for more than text; not the ``_`` in a word."""
ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
"""The beginning of what some readers turn into a link by themselves."""


def one_line(text: str, limit: int = 400) -> str:
    """Foreign text as one line: no control sequences, no line breaks, no tabs, ``limit`` characters at most."""
    return clean(" ".join(clean(text, len(text)).split()), limit)


def cell(text: str, limit: int = 400) -> str:
    """A cell of a tab-separated table; a dash where there is nothing.

    One that begins with a quotation mark is quoted as in the csv module's ``excel-tab``: readers of such tables would
    take the mark for the opening of a cell that runs over several lines. Marks elsewhere mean nothing to them.
    """
    plain = one_line(text, limit)
    quoted = '"' + plain.replace('"', '""') + '"'
    return (quoted if plain.startswith('"') else plain) or "-"


def markdown(text: str, limit: int = 400) -> str:
    """Foreign text inside a Markdown paragraph or table: it stays text, whatever is in it."""
    escaped = SPECIAL.sub(r"\\\1", one_line(text, limit))
    return ADDRESS.sub(r"\1\\\2", escaped)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[str] = ()) -> list[str]:
    """A Markdown table; cells are Markdown already, columns named in ``numeric`` are set to the right."""
    marks = ["---:" if name in numeric else "---" for name in head]
    return [_row(head), _row(marks), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 run``, ``3 runs``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def probability(value: float) -> str:
    """Two decimals, without claiming a certainty that no number of runs gives."""
    if value >= 0.995:
        return "more than 0.99"
    return "less than 0.01" if value < 0.005 else f"{value:.2f}"
