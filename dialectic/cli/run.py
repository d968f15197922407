"""``dialectic run``: settings in, a session out, someone watching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from dialectic.cli.interrupt import close_stdout, interruptible
from dialectic.cli.output import is_terminal
from dialectic.cli.plain import JsonLines, PlainLines
from dialectic.cli.screen import Screen
from dialectic.config import SettingValue, load
from dialectic.errors import DataError, ExecutorError, Interrupted, StorageError
from dialectic.state.base import RunOf
from dialectic.state.observer import Announcement, Ending, Observer, Phase
from dialectic.state.plan import Plan
from dialectic.state.result import Result
from dialectic.state.run import LiveEvent
from dialectic.state.session import SessionRecord
from dialectic.state.words import command

Watcher = Screen | PlainLines | JsonLines


class Steady:
    """Passes everything on until nobody reads any more: a closed pipe must not end a night's work."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.gone = False

    def _pass(self, call: Callable[[], None]) -> None:
        if self.gone:
            return
        try:
            call()
        except OSError:
            self.gone = True
            close_stdout()

    def opened(self, record: SessionRecord, announcement: Announcement) -> None:
        self._pass(lambda: self.watcher.opened(record, announcement))

    def resumed(self, finished: Sequence[tuple[Plan, Result]]) -> None:
        self._pass(lambda: self.watcher.resumed(finished))

    def phase(self, iteration: int, phase: Phase, k: int, of: RunOf = "candidate") -> None:
        self._pass(lambda: self.watcher.phase(iteration, phase, k, of))

    def planned(self, plan: Plan) -> None:
        self._pass(lambda: self.watcher.planned(plan))

    def event(self, plan: Plan, event: LiveEvent) -> None:
        self._pass(lambda: self.watcher.event(plan, event))

    def finished(self, plan: Plan, result: Result) -> None:
        self._pass(lambda: self.watcher.finished(plan, result))

    def note(self, text: str) -> None:
        self._pass(lambda: self.watcher.note(text))

    def closed(self, ending: Ending) -> None:
        self._pass(lambda: self.watcher.closed(ending))


def run(root: Path, flags: dict[str, SettingValue], as_json: bool, resume: bool = False) -> None:
    """Run a session, or go on with one, and draw it; raises what the loop raises."""
    settings = load(root, flags)

    def session(observer: Observer) -> None:
        # The loop brings every room and its libraries with it; the user may stop it while they load.
        from dialectic.loop import resume_session, run_session
        from dialectic.session import LOGS
        from dialectic.tracking import observed

        track = settings.track or (recorded_tracking(root, settings.session) if resume else None)
        with observed(track, root, root / LOGS, observer) as told:
            if resume:
                resume_session(root, settings, [name for name, value in flags.items() if value is not None], told)
            else:
                run_session(root, settings, told)

    def afterwards(session_id: str) -> str:
        from dialectic.cli.report import report_at_end

        return report_at_end(root, session_id)

    watched(session, as_json, root, afterwards)


def recorded_tracking(root: Path, session_id: str | None) -> str | None:
    """The tracking tool that a session was started with."""
    from dialectic.session import open_session

    found = open_session(root, session_id).record().config.get("track")
    return found if isinstance(found, str) else None


def watched(
    session: Callable[[Observer], None], as_json: bool, root: Path, afterwards: Callable[[str], str] = lambda _: ""
) -> None:
    """Run ``session`` under the observer that fits standard output.

    However it ends, once an iteration is finished ``afterwards`` is called with the session's id; what it answers is
    told, except among JSON lines, of which the session's end is the last.

    Raises:
        Interrupted: the user stopped it; the text says what was saved, and how the session goes on.
        ExecutorError, DataError, StorageError: the machine failed; the text says how the session goes on after that.
    """
    watcher: Watcher = JsonLines() if as_json else Screen() if is_terminal() else PlainLines()
    steady = Steady(watcher)
    try:
        with interruptible(), watcher:
            session(steady)
    except (Interrupted, KeyboardInterrupt) as error:
        raise Interrupted(saved(watcher, root)) from error
    except (ExecutorError, DataError, StorageError) as error:
        if not watcher.session_id:
            raise
        raise type(error)(f"{error}; {going_on(watcher, root)}") from error
    finally:
        told = afterwards(watcher.session_id) if watcher.rows else ""
        if told and not as_json:
            steady.note(told)


def saved(watcher: Watcher, root: Path) -> str:
    """What an interrupted session leaves behind, and how it goes on, in one line."""
    session_id, finished = watcher.session_id, len(watcher.rows)
    if not session_id:
        return "interrupted before the session began; nothing was written"
    where = f"session {session_id} (`{command(root, f'log --session {session_id}')}`); {going_on(watcher, root)}"
    if finished == 0:
        return f"interrupted before the first iteration ended; what there is of it is saved in {where}"
    count = "1 finished iteration is" if finished == 1 else f"{finished} finished iterations are"
    return f"interrupted: {count} saved in {where}"


def going_on(watcher: Watcher, root: Path) -> str:
    """The command that goes on with the session, up to the same total."""
    total = watcher.announcement.iterations if watcher.announcement else 0
    arguments = f"run --resume --session {watcher.session_id}" + (f" --iterations {total}" if total else "")
    return f"go on with: {command(root, arguments)}"
