"""An iteration as one row, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rich import box
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import STYLES, text
from dialectic.state.arithmetic import Scalar
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.words import axis as axis
from dialectic.state.words import is_baseline as is_baseline
from dialectic.state.words import scored as scored

COLUMNS = ("N", "move", "tension", "what changed", "val_bpb", "delta", "verdict", "outcome")
FROM_WIDTH = {"move": 48, "delta": 72, "tension": 92, "outcome": 118}
"""Columns of the terminal from which a column of the table is shown."""
CUTS = (("what changed", 26), ("tension", 14), ("verdict", 7), ("what changed", 10))
"""Down to where a column may be cut, in the order in which that happens."""
GAP = 2


@dataclass(frozen=True)
class Row:
    """What the table of iterations shows of one; all texts may be foreign."""

    label: str
    move: str
    tension: str
    change: str
    short_change: str = ""
    """Without what stood there before; for a narrow table."""
    val_bpb: float | None = None
    delta: float | None = None
    verdict: str = ""
    status: str = "planned"
    outcome: str = ""
    note: str = ""
    """Stands instead of everything else where an iteration cannot be read."""

    @property
    def style(self) -> str:
        """Colour of the verdict."""
        first, _, claim = self.verdict.partition(" ")
        return STYLES.get(claim) or STYLES.get(first, "dim")


def row(
    plan: Plan,
    result: Result | None,
    tensions: Iterable[TensionRecord],
    before: Mapping[str, str],
    values: Mapping[str, Scalar],
) -> Row:
    """The row of an iteration; ``before`` are the knobs of what it changed, empty when they are not known, ``values``
    what the session's profile gives."""
    base = is_baseline(plan)
    planned = Row(
        label=plan.iteration_label,
        move="baseline" if base else plan.move_type,
        tension="" if base else axis(plan, result, tensions),
        change=words.changes(plan, before, values),
        short_change=words.changes(plan, {}, values),
    )
    if result is None:
        return planned
    return replace(
        planned,
        val_bpb=scored(result),
        delta=result.verdict.delta,
        verdict=words.decision(result),
        status=result.status,
        outcome="" if base else result.outcome,
    )


def table(rows: Sequence[Row], width: int) -> Table:
    """The table of iterations for a screen of ``width`` columns.

    On a narrow one the outcome goes first, then the tension; what still does not fit is cut from the two columns
    whose beginning says enough, never from a number.
    """
    names = [name for name in COLUMNS if width >= FROM_WIDTH.get(name, 0)]
    lines = [_cells(entry, entry.change) for entry in rows]
    widths = _widths(names, lines, width)
    drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="dim")
    for name in names:
        numeric = name in ("val_bpb", "delta")
        drawn.add_column(
            name, width=widths[name], no_wrap=True, overflow="ellipsis", justify="right" if numeric else "left"
        )
    for entry, cells in zip(rows, lines, strict=True):
        fits = cells["what changed"].cell_len <= widths["what changed"]
        shown = cells if fits else _cells(entry, entry.short_change or entry.change)
        drawn.add_row(*(shown[name] for name in names))
    return drawn


def _widths(names: Sequence[str], lines: Sequence[Mapping[str, Text]], width: int) -> dict[str, int]:
    found = {name: max(len(name), *(cells[name].cell_len for cells in lines)) for name in names}
    excess = sum(found.values()) + GAP * (len(names) - 1) - width
    for name, least in CUTS:
        if name in found and excess > 0:
            given = min(excess, max(found[name] - least, 0))
            found[name] -= given
            excess -= given
    return found


def _cells(entry: Row, change: str) -> dict[str, Text]:
    if entry.note:
        return dict.fromkeys(COLUMNS, Text("")) | {"N": text(entry.label), "what changed": text(entry.note, "red")}
    return {
        "N": text(entry.label),
        "move": text(entry.move),
        "tension": text(entry.tension),
        "what changed": text(change),
        "val_bpb": Text(words.bpb(entry.val_bpb)),
        "delta": Text(words.signed(entry.delta), style=_delta_style(entry.delta)),
        "verdict": text(entry.verdict or "not finished", entry.style),
        "outcome": text(entry.outcome),
    }


def _delta_style(delta: float | None) -> str:
    if delta is None:
        return "dim"
    return "green" if delta < 0 else "yellow"
