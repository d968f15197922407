"""``dialectic show``: one iteration on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from dialectic.cli import words
from dialectic.cli.diff import recorded_patch
from dialectic.cli.output import STYLES, painted_diff, print_json, text
from dialectic.cli.output import show as print_parts
from dialectic.cli.reading import number
from dialectic.cli.rows import is_baseline, scored
from dialectic.errors import RecordError
from dialectic.session import Session, open_session
from dialectic.state.base import experiment_id
from dialectic.state.plan import Plan, TensionRecord
from dialectic.state.result import Result

DIFF_LINES = 24
"""Lines of the diff that are shown; ``dialectic diff`` shows all."""
PARAGRAPH = 1_200
"""Characters of a free text that are shown; ``--json`` has all."""


def show(root: Path, session_id: str | None, iteration: str, as_json: bool) -> None:
    """Print plan, tensions and result of one iteration."""
    session = open_session(root, session_id)
    plan, result, tensions = session.read(number(iteration))
    if as_json:
        print_json(
            {
                "plan": plan.model_dump(mode="json"),
                "result": result.model_dump(mode="json") if result else None,
                "tensions": [tension.model_dump(mode="json") for tension in tensions],
            }
        )
        return
    print_parts(*_screen(session, plan, result, tensions))


def _screen(
    session: Session, plan: Plan, result: Result | None, tensions: Sequence[TensionRecord]
) -> Iterable[RenderableType]:
    yield _heading(plan, result)
    yield from _block("Prediction", _prediction(plan, result))
    yield from _block("Why now", [text(plan.why_now, limit=PARAGRAPH)])
    yield from _block("Tensions", [line for tension in tensions for line in _tension(tension)])
    if not is_baseline(plan):
        yield from _block("Synthesis", [text(plan.synthesis_candidate, limit=PARAGRAPH)])
    yield from _block("Change", _change(session, plan))
    if result is None:
        yield from _block("Result", [Text("none: it runs, or it was given up", style="dim")])
        return
    yield from _block("Score", _score(result))
    first, *rest = words.explained(result.verdict, is_baseline(plan))
    colour = STYLES.get(result.keep_discard_status, "")
    yield from _block("Verdict", [text(first, colour), *(text(line) for line in rest)])
    yield from _block("Reflection", _reflection(result))


def _heading(plan: Plan, result: Result | None) -> Text:
    move = "baseline" if is_baseline(plan) else plan.move_type
    status = result.status if result else "planned"
    head = text(f"{experiment_id(plan.session_id, plan.iteration)} · {move} · {status}", "bold")
    if result is not None:
        verdict = words.decision(result)
        head.append(" · ").append_text(text(verdict, STYLES.get(result.keep_discard_status, "")))
    return head


def _block(title: str, lines: Iterable[Text]) -> Iterable[RenderableType]:
    shown = [line for line in lines if line.plain]
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
    if result is not None and result.prediction_score is not None:
        fared = result.prediction_score
        yield text(f"missed by {words.signed(fared.error)} ({fared.z:+.1f} standard deviations)", "dim")


def _tension(tension: TensionRecord) -> Iterable[Text]:
    yield text(f"{tension.label} ({tension.kind})" if tension.label != tension.kind else tension.kind, "bold")
    for side, summary in (("thesis", tension.thesis_summary), ("antithesis", tension.antithesis_summary)):
        favoured = side == tension.favored_side
        line = text(f"{side}{' (favoured)' if favoured else ''}: {summary}", limit=PARAGRAPH)
        yield Text("▸ " if favoured else "  ", style="" if favoured else "dim").append_text(line)


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
    yield text(words.changes(plan, before), limit=PARAGRAPH)
    if patch.strip():
        yield painted_diff(patch, DIFF_LINES)


def _score(result: Result) -> Iterable[Text]:
    if result.failure.kind != "none":
        yield text(f"{result.failure.kind}: {result.failure.message}", "red", PARAGRAPH)
    value = scored(result)
    if value is None:
        return
    facts = [f"val_bpb {words.bpb(value)}"]
    if result.score is not None:
        facts.append(f"hold-out {words.bpb(result.score.holdout_bpb)}")
    for name, form in (("num_steps", "{:,.0f} steps"), ("total_tokens_M", "{:.2f} M tokens")):
        if name in result.summary:
            facts.append(form.format(result.summary[name]))
    facts.append(f"{words.duration(result.cost.train_seconds)} of training")
    yield text(" · ".join(facts))
    if result.score is not None and result.score.failed_checks:
        yield text(f"failed checks: {', '.join(result.score.failed_checks)}", "red")


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
    computed = sorted(name for name, author in result.filled_by.items() if author == "computed")
    if computed:
        yield text(f"computed from the numbers: {', '.join(computed)}", "dim")
