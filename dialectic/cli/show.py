"""``dialectic show``: one iteration on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.diff import recorded_patch
from dialectic.cli.output import STYLES, painted_diff, print_json, text
from dialectic.cli.output import show as print_parts
from dialectic.cli.parts import Part, show_part
from dialectic.cli.reading import number
from dialectic.cli.rows import is_baseline, scored
from dialectic.errors import RecordError
from dialectic.session import Session, open_session
from dialectic.state.base import experiment_id
from dialectic.state.files import read_json
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result
from dialectic.state.words import suspicions

DIFF_LINES = 24
"""Lines of the diff that are shown; ``dialectic diff`` shows all."""
PARAGRAPH = 1_200
"""Characters of a free text that are shown; ``--json`` has all."""
BRIEFED = ("knowledge_anchor_experiment_id", "knowledge_opposing_experiment_id", "knowledge_selection_reason")
DECIDED = ("verdict", "keep_discard_status")
"""Fields of plan and result that no agent ever fills."""


def show(root: Path, session_id: str | None, iteration: str, part: Part, as_json: bool) -> None:
    """Print plan, tensions and result of one iteration, or the one ``part`` of it that is asked for.

    Raises:
        UsageError: there is no such iteration, tension or part.
    """
    session = open_session(root, session_id)
    plan, result, tensions = session.read(number(iteration))
    if part.asked:
        show_part(session, plan, result, part)
    elif as_json:
        print_json(
            {
                "plan": plan.model_dump(mode="json"),
                "result": result.model_dump(mode="json") if result else None,
                "tensions": [tension.model_dump(mode="json") for tension in tensions],
            }
        )
    else:
        print_parts(*_screen(session, plan, result, tensions, session_id is not None))


def _screen(
    session: Session, plan: Plan, result: Result | None, tensions: Sequence[TensionRecord], named: bool
) -> Iterable[RenderableType]:
    yield _heading(plan, result)
    yield from _block("Prediction", _prediction(plan, result))
    yield from _block("Why now", [text(plan.why_now, limit=PARAGRAPH)])
    yield from _block("Tensions", [line for tension in tensions for line in _tension(tension)])
    if not is_baseline(plan):
        yield from _block("Synthesis", [text(plan.synthesis_candidate, limit=PARAGRAPH)])
    yield from _block("Change", _change(session, plan))
    yield from _block("Signs of cheating", _signs(plan, result))
    if result is None:
        yield from _block("Result", [Text("none: it runs, or it was given up", style="dim")])
        return
    yield from _block("Score", _score(result))
    yield from _block("Runs", runs(result))
    yield from _block("Verdict", _verdict(plan, result))
    if not _failed_baseline(plan, result):
        yield from _block("Reflection", _reflection(result))
    agents = {phase: _agent(session, plan.iteration, phase) for phase in ("prepare", "reflect")}
    yield from _block("Who wrote this", [text(line, "dim", PARAGRAPH) for line in authors(agents, plan, result)])
    yield Text("")
    yield text(_next(session, plan, result, named), "dim")


def _failed_baseline(plan: Plan, result: Result) -> bool:
    """Whether this ended the session before it began; what is said of crashed candidates does not fit it."""
    return is_baseline(plan) and result.keep_discard_status == "crash"


def _verdict(plan: Plan, result: Result) -> Iterable[Text]:
    if not _failed_baseline(plan, result):
        first, *rest = words.explained(result.verdict, is_baseline(plan))
        yield text(first, STYLES.get(result.keep_discard_status, ""))
        yield from (text(line) for line in rest)
    yield text(meaning(result), "dim")


def _heading(plan: Plan, result: Result | None) -> Text:
    move = "baseline" if is_baseline(plan) else plan.move_type
    status = result.status if result else "planned"
    head = text(f"{experiment_id(plan.session_id, plan.iteration)} · {move} · {status}", "bold")
    if result is not None:
        verdict = words.decision(result)
        head.append(" · ").append_text(text(verdict, STYLES.get(result.keep_discard_status, "")))
    return head


def _block(title: str, lines: Iterable[RenderableType]) -> Iterable[RenderableType]:
    shown = [line for line in lines if not isinstance(line, Text) or line.plain]
    if not shown:
        return
    yield Text("")
    yield Text(title, style="bold dim")
    for line in shown:
        yield Padding(line, (0, 0, 0, 2), expand=False)


def _prediction(plan: Plan, result: Result | None) -> Iterable[Text]:
    expected = plan.prediction_scored
    low, high = expected.interval
    yield text(plan.prediction.removeprefix("Prediction: "), limit=PARAGRAPH)
    yield text(
        f"{expected.metric}: expects {words.signed(expected.expected_delta)}, between {words.signed(low)} and "
        f"{words.signed(high)} with confidence {expected.confidence:.2f}",
        "dim",
    )
    if result is not None and result.prediction_score is not None and not is_baseline(plan):
        fared = result.prediction_score
        measured = words.signed(expected.expected_delta + fared.error)
        yield text(
            f"measured {measured}, off by {words.signed(fared.error)} ({abs(fared.z):.1f} standard deviations)", "dim"
        )


def _tension(tension: TensionRecord) -> Iterable[RenderableType]:
    yield text(f"{tension.label} ({tension.kind})" if tension.label != tension.kind else tension.kind, "bold")
    for side, summary in (("thesis", tension.thesis_summary), ("antithesis", tension.antithesis_summary)):
        favoured = side == tension.favored_side
        line = text(f"{side}{' (favoured)' if favoured else ''}: {summary}", limit=PARAGRAPH)
        pole = Table.grid(padding=(0, 1, 0, 0))
        pole.add_column(width=1)
        pole.add_row("▸" if favoured else " ", line, style="" if favoured else "dim")
        yield pole


def _change(session: Session, plan: Plan) -> Iterable[Text]:
    before: dict[str, str] = {}
    base = plan.base_experiment_id.rpartition(":")
    try:
        if base[0] == session.id and base[2].isdigit():
            before = session.read(int(base[2]))[0].knobs
        patch = recorded_patch(session, plan.iteration)
    except RecordError as error:
        yield text(str(error), "red")
        return
    yield text(words.changes(plan, before, words.profile_values(session.record())), limit=PARAGRAPH)
    if patch.strip():
        yield painted_diff(patch, DIFF_LINES)


def _signs(plan: Plan, result: Result | None) -> Iterable[Text]:
    """What the candidate was flagged with; of the baseline what it uses itself, which nobody is blamed for."""
    for sign in suspicions(plan, result):
        yield text(str(sign), "yellow", PARAGRAPH)
    if is_baseline(plan) and plan.signs:
        yield text("what train.py uses itself as it was found, and what candidates may use as well:", "dim")
        yield from (text(str(sign), "dim") for sign in plan.signs)


def _score(result: Result) -> Iterable[Text]:
    if result.failure.kind != "none":
        yield text(f"{result.failure.kind}: {result.failure.message}", "red", PARAGRAPH)
    value = scored(result)
    if value is None:
        return
    facts = [f"val_bpb {words.bpb(value)}"]
    if result.score is not None:
        facts.append(f"hold-out {words.bpb(result.score.holdout_bpb)} (gap {result.score.gap:+.4f})")
    for name, form in (("num_steps", "{:,.0f} steps"), ("total_tokens_M", "{:.2f} M tokens")):
        if name in result.summary:
            facts.append(form.format(result.summary[name]))
    facts.append(f"{words.duration(result.cost.train_seconds)} of training")
    yield text(" · ".join(facts))
    if result.score is not None and result.score.failed_checks:
        yield text(f"failed checks: {', '.join(result.score.failed_checks)}", "red")


def runs(result: Result) -> Iterable[RenderableType]:
    """Every run of the iteration, where there were several; a repeat without a score with its reason."""
    scored_runs = [(run.k, run.of, str(run.seed), words.bpb(run.val_bpb)) for run in result.verdict.runs]
    failed = [(run.k, run.of, "", f"no score ({run.failure.kind})") for run in result.failed_repeats]
    rows = sorted(scored_runs + failed) if failed or any(k for k, *_ in scored_runs) else scored_runs
    if len(rows) < 2:
        return
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("run", "of", "seed", "val_bpb"):
        drawn.add_column(name, justify="left" if name == "of" else "right", no_wrap=True)
    for place, (k, of, seed, value) in enumerate(rows, start=1):
        drawn.add_row(str(k or place), "baseline" if result.iteration == 1 else of, seed, value)
    yield drawn


def _reflection(result: Result) -> Iterable[Text]:
    lines = (
        ("outcome", result.outcome),
        ("contradicted", result.contradicted_assumption or "nothing"),
        ("framing", result.framing_diagnosis),
        ("third form", result.transcendent_result.emergent_thought),
        ("summary", result.summary_text),
        ("next move", result.next_move_type),
    )
    for name, words_of_agent in lines:
        yield text(f"{name}: {words_of_agent}", limit=PARAGRAPH)


def meaning(result: Result) -> str:
    """What the verdict's claim says, for someone who sees the word for the first time."""
    if result.keep_discard_status == "crash" and result.iteration == 1:
        return "crash: the baseline has no score, so no candidate can be compared with it"
    if result.keep_discard_status == "crash":
        return "crash: the run has no score, so there was nothing to compare"
    if result.verdict.decision == "discard":
        return "discard: the incumbent stays; going on from it promises more than going on from this candidate"
    if result.verdict.claim == "proven":
        return "proven: the gain is beyond the noise by a test that counts all tests of the session before it"
    if result.iteration == 1:
        return "provisional: the baseline stands until a candidate beats it"
    return "provisional: good enough to build on, not yet beyond the noise; a lucky run can look like this"


def _agent(session: Session, iteration: int, phase: str) -> str:
    """Who was asked in a phase: the session's agent, or a person who stepped by hand."""
    try:
        return str(read_json(session.iteration(iteration).phase(phase) / "manifest.json")["agent"]["name"])
    except (RecordError, KeyError, TypeError):
        return session.record().agent.name


def _named(agent: str) -> str:
    return {"person": "a person", "builtin": "agent builtin (code of dialectic, no model)"}.get(agent, f"agent {agent}")


def authors(agents: Mapping[str, str], plan: Plan, result: Result) -> Iterable[str]:
    """Who wrote what of an iteration, in words; ``agents`` are the names of those who prepared and reflected."""
    yield "anchor, opponent, numbers and verdict: dialectic"
    proposed = {name: author for name, author in plan.filled_by.items() if name not in BRIEFED}
    reflected = {name: author for name, author in result.filled_by.items() if name not in DECIDED}
    for part, phase, fields in (("proposal", "prepare", proposed), ("reflection", "reflect", reflected)):
        computed = sorted(name.replace("_", " ") for name, author in fields.items() if author == "computed")
        if fields and len(computed) == len(fields):
            yield f"{part}: dialectic, computed from the numbers"
        elif fields:
            rest = f"; computed from the numbers: {', '.join(computed)}" if computed else ""
            yield f"{part}: {_named(agents[phase])}{rest}"


def _next(session: Session, plan: Plan, result: Result, named: bool) -> str:
    """What to look at or do after this screen; the session is ``named`` where it must be."""

    def command(arguments: str) -> str:
        return words.command(session.root, f"{arguments} --session {session.id}" if named else arguments)

    if _failed_baseline(plan, result):
        seen = command("show 1 --log")
        return f"next: mend train.py and start a new session; {seen} (what the run printed)"
    if is_baseline(plan):
        return f"next: {command('log')} (what was tried against it)"
    if result.failure.kind != "none":
        return f"next: {command(f'show {plan.iteration} --log')} (what the run printed)"
    if result.keep_discard_status == "keep":
        return f"next: {command(f'diff {plan.iteration}')} (the whole change), {command('adopt')} (take it)"
    return f"next: {command('best')} (the incumbent that it did not beat)"
