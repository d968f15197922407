"""``dialectic graph``: the tension graph of a session as text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.output import complain, show, text
from dialectic.cli.reading import Entry, entries
from dialectic.errors import WorkspaceError
from dialectic.knowledge import TensionGraph, briefing, rebuild
from dialectic.knowledge.store import graph_json
from dialectic.session import Session, open_session
from dialectic.state.briefing import Briefing, PoleEvidence, TensionEvidence
from dialectic.state.result import Result


def graph(root: Path, session_id: str | None, as_json: bool) -> int:
    """Print the tension graph of one session; returns 1 when one of its iterations cannot be read, else 0."""
    session = open_session(root, session_id)
    found = entries(session)
    folded = rebuild([(session.record(), [entry.iteration for entry in found if entry.iteration is not None])])
    if as_json:
        print(graph_json(folded), end="")
    else:
        show(*_screen(brief(root, session, folded, found)))
    for entry in found:
        if entry.trouble:
            complain(f"iteration {entry.number} cannot be read and is left out: {entry.trouble}")
    return int(any(entry.trouble for entry in found))


def brief(root: Path, session: Session, folded: TensionGraph, found: list[Entry]) -> Briefing:
    """What the graph would tell prepare before the next iteration."""
    results = [entry.iteration[1] for entry in found if entry.iteration is not None]
    verdicts = [result.verdict for result in results if isinstance(result, Result)]
    incumbent = next((one.successor for one in reversed(verdicts) if one.successor is not None and one.runs), None)
    profile = session.record().profile
    noise = verdicts[-1].noise_sigma if verdicts else profile.noise_sigma if profile else 0.0
    following = max((entry.number for entry in found), default=0) + 1
    return briefing(folded, session.id, following, incumbent, noise, _preferred(root))


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


def _screen(told: Briefing) -> Iterable[RenderableType]:
    yield text(f"tension graph of session {told.session_id}, before iteration {told.iteration}", "bold")
    if not told.tensions:
        yield Text("no tension yet", style="dim")
    for evidence in told.tensions:
        yield Text("")
        yield from _axis(evidence)
    yield Text("")
    yield _guide(told)


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


def _axis(evidence: TensionEvidence) -> Iterable[RenderableType]:
    head = evidence.kind if evidence.label == evidence.kind else f"{evidence.kind}: {evidence.label}"
    yield text(head, "bold")
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    drawn.add_column("pole", no_wrap=True)
    for name in ("n", "mean delta", "best", "failed"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("experiments", no_wrap=True, overflow="ellipsis")
    for name, pole in (("thesis", evidence.thesis), ("antithesis", evidence.antithesis)):
        drawn.add_row(*_pole(name, pole))
    yield drawn
    yield text(f"syntheses: {_labels(evidence.syntheses) or 'none yet'}", "" if evidence.syntheses else "dim")


def _pole(name: str, pole: PoleEvidence) -> list[Text]:
    return [
        Text(name),
        Text(str(len(pole.experiments))),
        Text(words.signed(pole.mean_delta), style=_style(pole.mean_delta)),
        Text(words.signed(pole.best_delta), style=_style(pole.best_delta)),
        Text(str(pole.failures) if pole.failures else "-", style="red" if pole.failures else "dim"),
        text(_labels(pole.experiments), "dim"),
    ]


def _labels(experiments: list[str]) -> str:
    return ", ".join(name.rpartition(":")[2] for name in experiments)


def _style(delta: float | None) -> str:
    return "dim" if delta is None else "green" if delta < 0 else "yellow"
