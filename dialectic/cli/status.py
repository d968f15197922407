"""``dialectic status``: where a session stands, also while it runs in another terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import path_line, print_json, show, text
from dialectic.cli.reading import Entry, current_confirmation, entries, session_belief
from dialectic.cli.sessions import state as state_of
from dialectic.cli.view import RUNNING, View
from dialectic.errors import RecordError
from dialectic.executors.collect import read_events
from dialectic.session import Session, open_session
from dialectic.state.confirmation import Confirmation
from dialectic.state.files import as_json, read_record
from dialectic.state.result import Result
from dialectic.state.session import LiveState
from dialectic.state.step import STEP, Step

COLOURS = {"running": "cyan", "finished": "green", "failed": "red"}


def status(root: Path, session_id: str | None, as_json: bool) -> None:
    """Print phase, progress, best so far and where the log is."""
    told = standing(open_session(root, session_id))
    if as_json:
        print_json(told)
    else:
        show(*_screen(told))


def standing(session: Session) -> dict[str, Any]:
    """Where a session stands, as a flat object.

    ``phase_since`` and ``remaining_seconds`` are seconds; the latter is null where the session has no end or nothing
    was measured yet. ``progress`` is the share of the present run's budget, null when nothing trains. ``best`` and
    ``baseline`` in bpb are null before a baseline was scored, ``confirmation`` before pairs of the incumbent ran.
    """
    found = entries(session)
    results = [entry.iteration[1] for entry in found if entry.iteration is not None and entry.iteration[1] is not None]
    state, live = state_of(session), _live(session)
    belief = session_belief(session.record(), results)
    running = state == "running" and live is not None
    log = _log(session, live, found)
    confirmation = current_confirmation(session, belief)
    return {
        "session_id": session.id,
        "state": state,
        "iteration": live.experiment_index if live else len(found),
        "iterations": live.experiment_count if live else 0,
        "finished_iterations": len(results),
        "phase": live.phase if live else "",
        "run": words.run_name(live.phase, live.k, live.of) if live else "",
        "phase_since": _age(live.updated_at) if running and live else None,
        "prediction": _prediction(live, found) if running else "",
        **(_training(session, live) if running and live else dict.fromkeys(TRAINING)),
        "remaining_seconds": _remaining(live, results) if running and live else None,
        "baseline": belief.baseline.estimate if belief else None,
        "best": belief.incumbent.estimate if belief else None,
        "best_experiment_id": belief.incumbent.experiment_id if belief else "",
        "standing": words.difference(belief.baseline, belief.incumbent, belief.probability_better_than_baseline())
        if belief
        else "",
        "confirmation": as_json(confirmation) if confirmation else None,
        "log": str(log) if log.exists() else "",
        "next": _next(session, state),
    }


TRAINING = ("progress", "loss", "tokens_per_second", "run_remaining_seconds")


def _live(session: Session) -> LiveState | None:
    try:
        return read_record(session.folder / "live" / "state.json", LiveState)
    except RecordError:
        return None


def _age(moment: str) -> float | None:
    """Seconds since ``moment``; None for what is no time."""
    try:
        return max((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _prediction(live: LiveState | None, found: list[Entry]) -> str:
    for entry in found:
        if live and entry.number == live.experiment_index and entry.iteration is not None:
            return entry.iteration[0].prediction
    return ""


def _run_folder(session: Session, iteration: int, live: LiveState | None = None) -> Path:
    """Folder of the iteration's latest run, or of the present one among the final pairs."""
    if live is not None and live.phase == "confirm":
        return session.confirm_run(live.k)
    folder = session.iteration(max(iteration, 1))
    repeats = [int(path.name) for path in folder.execution.glob("runs/*") if path.name.isdigit()]
    return folder.run(max(repeats, default=1))


def _log(session: Session, live: LiveState | None, found: list[Entry]) -> Path:
    iteration = live.experiment_index if live else len(found)
    return _run_folder(session, iteration, live) / "run.log"


def _training(session: Session, live: LiveState) -> dict[str, float | None]:
    """What the present run told last; all null while nothing trains."""
    if live.phase not in RUNNING:
        return dict.fromkeys(TRAINING)
    view, offset, following = View(), -1, 0
    while following > offset:
        offset = following
        events, following = read_events(_run_folder(session, live.experiment_index, live), offset)
        for event in events:
            view.hear(event)
    now = view.training
    if now.loss is None:
        return dict.fromkeys(TRAINING)
    return dict(zip(TRAINING, (now.progress, now.loss, now.tokens_per_second, now.remaining), strict=True))


def _remaining(live: LiveState, results: list[Result]) -> float | None:
    """Seconds until the session's end, when each further iteration takes what one usually took."""
    seconds = [result.cost.wall_seconds for result in results if result.cost.wall_seconds]
    if not live.experiment_count or not seconds:
        return None
    left = max(live.experiment_count - len(results), 0) * statistics.median(seconds)
    spent = _age(live.prepare.started_at) or 0.0
    return max(left - spent, 0.0)


def _next(session: Session, state: str) -> str:
    """What a person can do now; empty while it runs."""
    if state == "running":
        return ""
    step = session.root / STEP
    by_hand = read_record(step, Step) if step.exists() else None
    if by_hand is not None and by_hand.session_id == session.id:
        if by_hand.executed:
            reflect = words.command(session.root, "reflect")
            return f"by hand: write the result in research_state/current_iteration.json, then {reflect}"
        execute = words.command(session.root, "execute")
        return f"by hand: edit what lies in research_state/, then {execute}"
    if state == "failed":
        seen = words.command(session.root, f"show 1 --log --session {session.id}")
        return f"the baseline failed: mend train.py and start a new session; what the run printed: {seen}"
    if state == "waiting":
        return f"by hand: {words.command(session.root, 'prepare')} begins the next iteration"
    if state == "finished":
        return f"next: {words.command(session.root, f'log --session {session.id}')}"
    gone = "its runner is gone; " if state == "stopped" else ""
    return f"{gone}go on with: {words.command(session.root, f'run --resume --session {session.id}')}"


def _screen(told: dict[str, Any]) -> Iterator[RenderableType]:
    state = told["state"]
    yield Text.assemble(text(f"session {told['session_id']} ·", "bold"), " ", (state, COLOURS.get(state, "yellow")))
    of = f" of {told['iterations']}" if told["iterations"] else ""
    if state == "running":
        since = f" for {words.duration(told['phase_since'])}" if told["phase_since"] is not None else ""
        where = "confirm" if told["phase"] == "confirm" else f"iteration {told['iteration']}{of}"
        yield text(f"{where} · {told['run']}{since}")
    else:
        noun = "iteration" if told["finished_iterations"] == 1 and not of else "iterations"
        yield text(f"{told['finished_iterations']}{of} {noun} finished")
    if told["prediction"]:
        yield text(told["prediction"], "dim", limit=1_000)
    if told["loss"] is not None:
        yield text(f"{', '.join(words.progress(*(told[name] for name in TRAINING)))} in this run")
    if told["remaining_seconds"] is not None:
        yield text(f"the session ends in about {words.duration(told['remaining_seconds'])}")
    yield text(told["standing"] or "no scored baseline yet")
    if told["confirmation"]:
        yield text(words.confirmed(Confirmation.model_validate(told["confirmation"])))
    if told["log"]:
        yield path_line("log", told["log"])
    if told["next"]:
        yield text(told["next"], "dim")
