"""The observer for a terminal: a live panel while the session runs, a plain table when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import columns, console, text
from dialectic.cli.panel import draw
from dialectic.cli.rows import table
from dialectic.cli.view import View
from dialectic.state.observer import Announcement, Ending
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.session import SessionRecord

FRAMES_PER_SECOND = 4


class Screen(View):
    """Draws; used as a context manager, so that the cursor comes back however the session ends."""

    def __init__(self) -> None:
        super().__init__()
        self.console = console()
        self.live = Live(
            console=self.console,
            get_renderable=self._frame,
            refresh_per_second=FRAMES_PER_SECOND,
            transient=True,
            redirect_stderr=False,
        )

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
        if self.rows:
            self.console.print(table(self.rows, columns(self.console)))
        if self.ending is not None:
            for line in words.ending(self.ending):
                self.console.print(text(line, limit=1_000))

    def _frame(self) -> RenderableType:
        if self.announcement is None or self.ending is not None:
            return Text("")
        return draw(self, columns(self.console), self.console.height)

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        super().opened(record, announcement)
        self.console.print(text(words.opening(announcement), limit=1_000))
        self.live.start()

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        super().resumed(finished)
        self.console.print(text(words.resumed(len(finished))))

    def planned(self, plan: Plan) -> None:
        super().planned(plan)
        self.live.refresh()  # every prediction is seen, also that of an iteration shorter than a frame

    def note(self, text_of_note: str) -> None:
        self.console.print(text(text_of_note, "yellow", limit=1_000))

    def closed(self, ending: Ending) -> None:
        super().closed(ending)
        self.live.stop()
