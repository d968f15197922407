"""The parts of the page that tell why: what was believed, what contradicted it, what emerged, what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from dialectic.report.material import Material, Turn
from dialectic.report.poles import SPREAD, Axis, Row, axes_of, untested
from dialectic.report.telling import effect
from dialectic.report.writing import counted, listed, markdown, probability, table
from dialectic.state.briefing import DeadEnd
from dialectic.state.plan import NOT_RECORDED
from dialectic.state.words import decision, signed

MOST = 12
"""Entries of one list; the ones that say most go first."""
CHANGE, TEXT = 160, 700
"""Characters of a change and of an agent's text."""
OPEN = (0.3, 0.7)
"""Probabilities of being better between which a candidate is undecided."""
FEW = 4
LEAST_SHARE = 3
"""Predictions from which a share of them says anything."""


def beliefs(material: Material) -> Iterator[str]:
    """How the predictions fared, and which beliefs did not survive."""
    yield from ("", "## What was believed, and what contradicted it", "")
    judged = [turn for turn in material.candidates if turn.result is not None and turn.result.prediction_score]
    yield _calibration(judged) if judged else "No prediction could be scored."
    held = [turn for turn in judged if turn.result is not None and turn.result.outcome == "confirmed"]
    if held:
        names = listed([f"{turn.label} ({markdown(turn.change, 60)})" for turn in held[-MOST:]])
        yield from ("", f"Predicted rightly: {names}.")
    refuted = [turn for turn in material.candidates if turn.result and turn.result.contradicted_assumption]
    if not refuted:
        yield from ("", "No assumption was contradicted.")
        return
    yield from ("", "Contradicted, the most surprising first:")
    yield ""
    for turn in sorted(refuted, key=_surprise, reverse=True)[:MOST]:
        assert turn.result is not None
        assumption = markdown(turn.result.contradicted_assumption or "", TEXT)
        yield f"- **{turn.label}**, {markdown(turn.change, CHANGE)}: {assumption}{_more(turn.result.framing_diagnosis)}"
    yield from _left_out(len(refuted), "contradicted assumption")


def _calibration(judged: Sequence[Turn]) -> str:
    """Of how many predictions the measured change lay in the stated interval, beside what they claimed."""
    inside, errors = 0, []
    for turn in judged:
        assert turn.result is not None
        fared = turn.result.prediction_score
        assert fared is not None
        told = turn.plan.prediction_scored
        low, high = told.interval
        inside += low <= told.expected_delta + fared.error <= high
        errors.append(abs(fared.error))
    stated = sum(turn.plan.prediction_scored.confidence for turn in judged) / len(judged)
    outcomes = Counter(turn.result.outcome for turn in judged if turn.result is not None)
    counts = listed([f"{count} {name}" for name, count in outcomes.most_common()])
    error = sum(errors) / len(errors)
    shares = f": {100 * inside / len(judged):.0f} %, where {100 * stated:.0f} % was the stated confidence"
    shares = shares if len(judged) >= LEAST_SHARE else ""
    return (
        f"Of {counted(len(judged), 'prediction')} {inside} fell into the stated interval{shares}. "
        f"They missed by {error:.4f} bpb on average. Outcomes: {counts}."
    )


def _surprise(turn: Turn) -> float:
    fared = turn.result.prediction_score if turn.result else None
    return fared.surprise if fared else 0.0


def _more(text: str) -> str:
    return "" if text in ("", NOT_RECORDED) else f"\n  *{markdown(text, TEXT)}*"


def _left_out(found: int, what: str, many: str = "") -> Iterator[str]:
    if found > MOST:
        yield from (
            "",
            f"The {MOST} most telling of {counted(found, what, many)}; research_journal.tsv has them all.",
        )


def emerged(material: Material) -> Iterator[str]:
    """The third forms: syntheses that were run, the best first."""
    yield from ("", "## What emerged", "")
    tried = [turn for turn in material.candidates if turn.plan.move_type == "synthesize"]
    if not tried:
        yield "No synthesis was run."
        return
    scored = sorted(tried, key=lambda turn: (turn.delta is None, turn.delta or 0.0))
    for turn in scored[:MOST]:
        assert turn.result is not None
        third = turn.result.transcendent_result
        told = effect(turn) + " bpb, " if turn.delta is not None else ""
        sources = listed(third.source_tension_ids) or turn.axis
        yield (
            f"- **{turn.label}**, out of {markdown(sources)} ({told}{decision(turn.result)}; as a third form "
            f"{third.result_status}): {markdown(turn.change, CHANGE)}{_more(third.emergent_thought)}"
        )
    yield from _left_out(len(tried), "synthesis", "syntheses")


def tensions(material: Material, pictures: bool) -> Iterator[str]:
    """What each side of each tension measured."""
    yield from ("", "## The tensions", "")
    found = axes_of(material)
    if found:
        if pictures:
            yield from ("![what each side measured](tensions.png)", "")
        rows = [(markdown(one.name), *(_measured(row) for row in one.rows), _ahead(one)) for one in found]
        yield from table(("tension", "thesis", "antithesis", "syntheses", "ahead"), rows)
        yield from ("", "Mean effect against the incumbents of their time ± 1.96 SD, in bpb; less than 0 is better.")
    else:
        yield "No tension has been tested yet."
    quiet = untested(material)
    if quiet:
        yield from ("", f"Held and never tested: {listed([markdown(kind) for kind in quiet])}.")


def _measured(row: Row) -> str:
    failed = f", {row.failures} crashed" if row.failures else ""
    if row.mean is None:
        return f"nothing measured{failed}" if failed else "-"
    spread = f" ± {SPREAD * row.sd:.4f}" if row.sd is not None else ""
    return f"{signed(row.mean)}{spread} (n {len(row.marks)}{failed})"


def _ahead(one: Axis) -> str:
    """The pole with the better mean, when the two can be told apart."""
    thesis, antithesis, _ = one.rows
    if thesis.mean is None or antithesis.mean is None:
        return "one side untested" if (thesis.marks or antithesis.marks) else "both untested"
    if thesis.sd is None or antithesis.sd is None:
        return "not judged"
    clear = abs(thesis.mean - antithesis.mean) > SPREAD * (thesis.sd**2 + antithesis.sd**2) ** 0.5
    better = thesis if thesis.mean < antithesis.mean else antithesis
    return better.role if clear else f"undecided, {better.role} by a little"


def dead_ends(material: Material) -> Iterator[str]:
    """Changes that need not be tried again."""
    yield from ("", "## Dead ends", "")
    # Without a known noise a worse score is no dead end yet, only a crash is one.
    found = [one for one in material.briefing.dead_ends if material.noise > 0 or _crashed(material, one)]
    if not found:
        yield "None: nothing crashed, and nothing measured clearly worse than the noise."
    for dead in found:
        turn = material.turn(dead.experiment_id)
        what = turn.change if turn else ", ".join(f"{name} = {new}" for name, (_, new) in dead.changed_knobs.items())
        label = dead.experiment_id.rpartition(":")[2]
        yield f"- **{label}**, {markdown(what, CHANGE)}: {markdown(dead.reason)}"


def _crashed(material: Material, dead: DeadEnd) -> bool:
    turn = material.turn(dead.experiment_id)
    return turn is not None and turn.fate == "crash"


def following(material: Material) -> Iterator[str]:
    """The next move, what is undecided, and how to go on."""
    told = material.briefing
    yield from ("", "## What to try next", "")
    if told.suggested_axis:
        why = f"{told.knowledge_selection_reason} {told.knowledge_transcendent_prediction}"
        why = why.replace(f"{told.session_id}:", "")
        yield f"- **{told.suggested_move}** on {markdown(told.suggested_axis)}. {markdown(why, 2 * TEXT)}"
    undecided = [turn for turn in material.candidates if turn.fate == "discard" and _is_open(turn)]
    if undecided:
        best = sorted(undecided, key=lambda turn: turn.delta or 0.0)[:FEW]
        names = listed([f"{turn.label} ({markdown(turn.change, 60)})" for turn in best])
        yield f"- Discarded by a little, so another run may decide otherwise: {names}."
    open_keeps = [turn for turn in material.of("keep") if turn.claim != "proven" and turn.result is not None]
    if open_keeps and material.noise > 0:
        least = min(open_keeps, key=lambda turn: turn.result.verdict.probability_better if turn.result else 1.0)
        assert least.result is not None
        yield (
            f"- Least sure of what was kept: {least.label} ({markdown(least.change, 60)}), better with probability "
            f"{probability(least.result.verdict.probability_better)}."
        )
    last = next((turn.result for turn in reversed(material.candidates) if turn.result is not None), None)
    if last is not None and not told.suggested_axis:
        yield f"- {last.next_move_type}, as the last reflection has it."
    yield "- `dialectic run --iterations 20` goes on in a new session, which starts from what this one learnt."


def _is_open(turn: Turn) -> bool:
    if turn.result is None or turn.delta_sd is None:
        return False
    low, high = OPEN
    return low <= turn.result.verdict.probability_better <= high
