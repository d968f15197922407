"""The live panel's drawing: what happens now, above what has happened."""

from __future__ import annotations

import time

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import text
from dialectic.cli.rows import axis, is_baseline, table
from dialectic.cli.view import RUNNING, View

PREDICTION_LINES = 3
TABLE_FRAME = 10
"""Lines that panel, heading and spare room take; the rest of the terminal's height is for finished iterations."""


class Prediction:
    """A sentence wrapped to :data:`PREDICTION_LINES` lines."""

    def __init__(self, sentence: Text) -> None:
        self.sentence = sentence

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self.sentence.wrap(console, options.max_width)
        for number, line in enumerate(lines[:PREDICTION_LINES]):
            if number == PREDICTION_LINES - 1 and len(lines) > PREDICTION_LINES:
                line.truncate(options.max_width - 2)
                line.append(" …")
            yield line


def draw(view: View, width: int, height: int) -> RenderableType:
    """The panel and the newest finished iterations that fit on the terminal."""
    parts: list[RenderableType] = [
        Panel(
            Group(*_body(view)),
            title=Text(view.title, style="bold cyan"),
            title_align="left",
            subtitle=_move(view),
            subtitle_align="left",
            box=box.ROUNDED,
            border_style="dim",
            width=width,
        )
    ]
    room = max(height - TABLE_FRAME, 1)
    if view.rows:
        parts.append(table(view.rows[-room:], width))
        hidden = len(view.rows) - room
        if hidden > 0:
            parts.append(Text(f"{hidden} earlier: dialectic log", style="dim"))
    return Group(*parts)


def _body(view: View) -> list[RenderableType]:
    if view.phase_name == "confirm":
        sentence = Text("baseline and incumbent run fresh, side by side, with seeds that took part in no choice")
    elif view.plan is None:
        sentence = Text("looking for the next candidate", style="dim")
    else:
        sentence = text(view.plan.prediction, limit=1_000)
    return [Prediction(sentence), Text(""), _progress(view)]


def _progress(view: View) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 2, 0, 0))
    waited = time.monotonic() - view.phase_began
    if view.phase_name not in RUNNING or view.training.loss is None:
        word = "starting" if view.phase_name in RUNNING else view.phase_name
        line.add_row(Text(f"{word} for {words.duration(waited)}", style="dim"))
        return line
    now = view.training
    line.add_column(ratio=1)
    line.add_column(no_wrap=True, justify="right")
    line.add_row(
        ProgressBar(total=1.0, completed=now.progress, complete_style="cyan", finished_style="cyan"),
        Text("   ".join(now.facts())),
    )
    return line


def _move(view: View) -> Text | None:
    plan = view.plan
    if plan is None:
        return None
    if is_baseline(plan):
        return Text("baseline · unchanged", style="dim")
    changed = words.changes(plan, view.knobs.get(plan.base_experiment_id, {}), view.values)
    return text(f"{plan.move_type} · {axis(plan, None)} · {changed}", "dim", limit=100)
