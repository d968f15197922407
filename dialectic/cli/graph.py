"""``dialectic graph``: the tension graph of a session, and of every other one under the same conditions, as text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import complain, show, text
from dialectic.cli.reading import Entry, entries, session_belief
from dialectic.errors import RecordError, UsageError, WorkspaceError
from dialectic.knowledge import TensionGraph, briefing, comparison, rebuild
from dialectic.knowledge.store import graph_json
from dialectic.session import Iteration, Session, open_session, session_ids
from dialectic.state.briefing import Briefing, PoleEvidence, TensionEvidence
from dialectic.state.session import SessionRecord


@dataclass(frozen=True)
class Read:
    """What was read: the session asked for, the graph of all that compare, and how many others those are."""

    session: Session
    record: SessionRecord
    found: list[Entry]
    graph: TensionGraph
    others: int


def graph(root: Path, session_id: str | None, as_json: bool) -> int:
    """Print the tension graph; returns 1 when an iteration of the session cannot be read, else 0."""
    read = fold(root, open_session(root, session_id))
    if as_json:
        print(graph_json(read.graph), end="")
    else:
        show(*_screen(brief(root, read), read))
    for entry in read.found:
        if entry.trouble:
            complain(f"iteration {entry.number} cannot be read and is left out: {entry.trouble}")
    return int(any(entry.trouble for entry in read.found))


def fold(root: Path, session: Session) -> Read:
    """The tension graph that the session's next iteration would start from: its own log, and all that compare."""
    record, found = session.record(), entries(session)
    logs = [(record, _readable(found))]
    for name in session_ids(root):
        if name == session.id:
            continue
        try:
            other = open_session(root, name)
            if comparison(other.record()) == comparison(record):
                logs.append((other.record(), _readable(entries(other))))
        except (RecordError, UsageError) as error:
            complain(f"session {name} is left out of the tension graph: {error}")
    return Read(session, record, found, rebuild(logs), len(logs) - 1)


def brief(root: Path, read: Read) -> Briefing:
    """What the graph would tell the session's next prepare."""
    results = [result for _, result, _ in _readable(read.found) if result is not None]
    belief, profile = session_belief(read.record, results), read.record.profile
    noise = belief.noise if belief else profile.noise_sigma if profile else 0.0
    following = max((entry.number for entry in read.found), default=0) + 1
    incumbent = belief.incumbent if belief else None
    return briefing(read.graph, read.session.id, following, incumbent, noise, _preferred(root))


def _readable(found: Iterable[Entry]) -> list[Iteration]:
    return [entry.iteration for entry in found if entry.iteration is not None]


def _preferred(root: Path) -> list[str]:
    path = root / "program.md"
    if not path.exists():
        return []
    from dialectic.workspace import read_steering

    try:
        return read_steering(path.read_text(encoding="utf-8", errors="replace")).prefer
    except WorkspaceError as error:
        complain(f"{error} (its `prefer` is not heeded here)")
        return []


def _screen(told: Briefing, read: Read) -> Iterable[RenderableType]:
    count = len(_readable(read.found))
    after = "1 iteration" if count == 1 else f"{count} iterations"
    yield text(f"tension graph of session {told.session_id} after {after}", "bold")
    if read.others:
        profile = read.record.profile
        rules = f"profile {profile.name}, {words.duration(profile.time_budget)} a run" if profile else "none recorded"
        others = "1 other session" if read.others == 1 else f"{read.others} other sessions"
        yield text(f"with what {others} measured under the same conditions ({rules}, the same data)", "dim")
    if not told.tensions:
        yield Text("no tension yet", style="dim")
    blank = [one.kind for one in told.tensions if not _tried(one)]
    for evidence in told.tensions:
        if _tried(evidence):
            yield Text("")
            yield from _axis(evidence, told.session_id)
    if blank:
        yield Text("")
        yield text(f"held, but nothing was tried on them yet: {', '.join(blank)}", "dim", limit=1_000)
    yield Text("")
    yield _guide(told)


def _tried(evidence: TensionEvidence) -> bool:
    poles = (evidence.thesis, evidence.antithesis)
    return bool(evidence.syntheses) or any(pole.experiments or pole.failures for pole in poles)


def _guide(told: Briefing) -> Table:
    on = f" on {told.suggested_axis}" if told.suggested_axis else ""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    for name, said, style in (
        ("anchor", told.knowledge_anchor_experiment_id or "none yet", ""),
        ("opponent", told.knowledge_opposing_experiment_id or "none yet", ""),
        ("why", told.knowledge_selection_reason, ""),
        ("expects", told.knowledge_transcendent_prediction, ""),
        ("next move", told.suggested_move + on, "bold"),
    ):
        drawn.add_row(Text(name, style="dim"), text(said, style, limit=1_000))
    return drawn


def _axis(evidence: TensionEvidence, own: str) -> Iterable[RenderableType]:
    head = evidence.kind if evidence.label == evidence.kind else f"{evidence.kind}: {evidence.label}"
    yield text(head, "bold")
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    drawn.add_column("pole", no_wrap=True)
    for name in ("n", "mean effect", "best", "failed"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("experiments", no_wrap=True, overflow="ellipsis")
    for name, pole in (("thesis", evidence.thesis), ("antithesis", evidence.antithesis)):
        drawn.add_row(*_pole(name, pole, own))
    yield drawn
    yield text(f"syntheses: {_labels(evidence.syntheses, own) or 'none yet'}", "" if evidence.syntheses else "dim")


def _pole(name: str, pole: PoleEvidence, own: str) -> list[Text]:
    return [
        Text(name),
        Text(str(len(pole.experiments))),
        Text(words.signed(pole.mean_delta), style=_style(pole.mean_delta)),
        Text(words.signed(pole.best_delta), style=_style(pole.best_delta)),
        Text(str(pole.failures) if pole.failures else "-", style="red" if pole.failures else "dim"),
        text(_labels(pole.experiments, own), "dim"),
    ]


def _labels(experiments: list[str], own: str) -> str:
    """Iterations of the session by their number, those of other sessions by their whole name."""
    return ", ".join(name.removeprefix(f"{own}:") for name in experiments)


def _style(delta: float | None) -> str:
    return "dim" if delta is None else "green" if delta < 0 else "yellow"
