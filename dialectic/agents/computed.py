"""A reflection out of the numbers: the builtin agent's own, and what the loop fills in for every other agent.

It reads like a colleague's note: what was believed, what was measured, what that means, what would decide it. How the
prediction fared is one rule (:mod:`dialectic.state.measured`), quoted with the numbers it judged.
"""

from __future__ import annotations

import textwrap

from dialectic.agents.framing import Framing, causes, diagnose
from dialectic.state.base import Outcome, SynthesisStatus
from dialectic.state.briefing import PoleEvidence
from dialectic.state.contracts import ReflectContext
from dialectic.state.measured import Change, change_of, missed_by, outcome_of, runs_to_tell, same_direction
from dialectic.state.plan import Plan
from dialectic.state.result import Reflection
from dialectic.state.run import Failure, FailureKind

LEANING = 2 / 3
"""Probability of being better from which an undecided change leans towards a gain; away from it below the rest."""

MOST_RUNS = 8
"""Runs of each side beyond which another candidate is the better use of the time."""

QUOTED = 140
"""Characters of an agent's text that a thought quotes."""

ASSUMED: dict[FailureKind, str] = {
    "crash": "that the changed train.py runs at all",
    "out-of-memory": "that the candidate fits into the memory of this machine",
    "disk": "that the candidate writes no more than its model and its events",
    "timeout": "that the candidate ends within its time",
    "hang": "that the candidate never waits for something that does not come",
    "nan": "that training stays stable under this change",
    "export": "that the model can be exported as a graph",
    "score": "that the handed-over model is one that can be scored",
    "check": "that the handed-over model is an honest language model",
    "claims": "that it trains within its budget and says so",
}
"""What a failure contradicts; the kinds that are left out say nothing about the candidate."""

MIS_SCALED: frozenset[FailureKind] = frozenset({"out-of-memory", "nan"})


def reflect(context: ReflectContext) -> Reflection:
    """Interpret an iteration from what was recorded of it; every field is filled, nothing is drawn.

    The next move is the tension graph's (:class:`~dialectic.state.briefing.Foresight`).
    """
    change = change_of(context.verdict)
    if context.score is None:
        return _of_failed_baseline(context) if context.plan.iteration == 1 else _of_failure(context)
    if change is None:
        return _of_baseline(context)
    outcome = outcome_of(context.plan.prediction_scored, change)
    framing = diagnose(context, change)
    decider = framing.decider or _decider(context, change)
    return Reflection(
        outcome=outcome,
        contradicted_assumption=_assumption(context.plan, change, outcome, framing),
        framing_diagnosis=framing.sentence,
        next_move_type=context.foresight.next_move,
        summary_text=" ".join((_measured(context, change), _judged(context, outcome), decider, _next(context))),
        synthesis_status=synthesis_status(context, change, outcome),
        emergent_thought=_thought(context, change),
    )


def synthesis_status(context: ReflectContext, change: Change, outcome: Outcome) -> SynthesisStatus:
    """What became of the third form; confirmed and contradicted need what the prediction's outcome needs.

    ``deferred`` where it was not tested, or was and shows nothing; ``partial`` where it leans towards a gain.
    """
    if context.plan.move_type != "synthesize":
        return "deferred"
    if change.loss or (outcome == "contradicted" and not change.gain):
        return "contradicted"
    if outcome == "confirmed":
        return "confirmed"
    return "partial" if context.verdict.probability_better >= LEANING else "deferred"


def _of_baseline(context: ReflectContext) -> Reflection:
    noise, known = context.verdict.noise_sigma, context.verdict.incumbent
    runs = len(context.verdict.runs)
    value = f"{known.estimate:.4f}" if known else "unknown"
    measured = f"The baseline came to val_bpb {value} in " + ("one run" if runs == 1 else f"{runs} runs")
    return Reflection(
        outcome="inconclusive",
        contradicted_assumption=None,
        framing_diagnosis="Nothing was compared: this run is what later candidates are compared with.",
        next_move_type=context.foresight.next_move,
        summary_text=f"{measured}; runs of one file differ by about {noise:.4f} bpb. {_next(context)}",
        synthesis_status="deferred",
        emergent_thought=f"A change has to be worth more than about {2 * noise:.4f} bpb to show in a single run.",
    )


def _of_failed_baseline(context: ReflectContext) -> Reflection:
    why = _why(context.failure)
    return Reflection(
        outcome="inconclusive",
        contradicted_assumption=f"It was assumed that train.py runs as it was found. It does not: {why}.",
        framing_diagnosis=f"Nothing was compared: train.py, unchanged, did not get as far as a score ({why}).",
        next_move_type=context.foresight.next_move,
        summary_text=f"The baseline has no score ({why}), so no candidate can be judged. Mend train.py and begin anew.",
        synthesis_status="deferred",
        emergent_thought="Every change stands on a baseline that runs; this one does not yet.",
    )


def _why(failure: Failure) -> str:
    return f"{failure.kind}: {failure.message.rstrip('.')}" if failure.message else failure.kind


def _of_failure(context: ReflectContext) -> Reflection:
    failure = context.failure
    assumption = ASSUMED.get(failure.kind)
    why = _why(failure)
    if failure.kind == "timeout":
        framing = (
            f"The candidate was mis-scaled for the budget, or the machine was busy with something else ({why}); its "
            "idea was not measured."
        )
        decider = "The same candidate on an idle machine, or a smaller step, would decide it."
    elif failure.kind in MIS_SCALED:
        framing = f"The candidate was mis-scaled for the budget or the machine ({why}); its idea was not measured."
        decider = "A smaller step in the same direction would decide it."
    elif assumption:
        framing = f"The idea was not tested: the candidate did not get as far as a score ({why})."
        decider = "The same idea, mended, would decide it."
    else:
        framing = f"Nothing can be said about the idea: the run was not completed ({why})."
        decider = "The same candidate, run again, would decide it."
    # A loss that is not a number anymore did not fall; the other failures say nothing of val_bpb.
    diverged = failure.kind == "nan" and context.plan.prediction_scored.direction != "increase"
    return Reflection(
        outcome="contradicted" if diverged else "inconclusive",
        contradicted_assumption=f"It was assumed {assumption}. It does not hold: {why}." if assumption else None,
        framing_diagnosis=framing,
        next_move_type=context.foresight.next_move,
        summary_text=f"No score ({why}): nothing was measured for or against a pole. {decider} {_next(context)}",
        synthesis_status="deferred",
        emergent_thought=(
            f"What {_what(context.plan)} would have brought is as open as before. The failure speaks against this "
            "change, not against the side that it stood for."
        ),
    )


def _measured(context: ReflectContext, change: Change) -> str:
    """The numbers that the outcome was judged by."""
    scored, verdict = context.plan.prediction_scored, context.verdict
    assert verdict.incumbent is not None
    low, high = scored.interval
    runs = "one run" if change.runs == 1 else f"{change.runs} runs"
    where = "inside" if not missed_by(scored, change) else "outside"
    clear = "told apart from nothing" if change.clear else "too small to be told from nothing"
    return (
        f"In {runs} val_bpb came to {verdict.incumbent.estimate + change.value:.4f}, a measured change of "
        f"{signed(change.value)} against the incumbent's {verdict.incumbent.estimate:.4f}, one SD of noise "
        f"being {change.sd:.4f}: {clear}. Predicted was {signed(scored.expected_delta)}, between {low:+.4f} and "
        f"{high:+.4f}: the change lies {where}."
    )


def _judged(context: ReflectContext, outcome: Outcome) -> str:
    """Outcome and verdict, and why the verdict speaks of another number."""
    verdict = context.verdict
    kept = f"kept ({verdict.claim})" if verdict.decision == "keep" else "discarded"
    delta = verdict.delta or 0.0
    return (
        f"So the prediction is {outcome}. The estimated effect is {signed(delta)}: a noisy measurement is believed "
        "only in part, the rest is what changes here usually bring. Better "
        f"with probability {verdict.probability_better:.2f}, the candidate is {kept}."
    )


def _decider(context: ReflectContext, change: Change) -> str:
    """What would decide a question that the framing leaves to more runs."""
    noise, verdict = context.verdict.noise_sigma, context.verdict
    if verdict.claim == "proven":
        return "The gain is beyond the noise of all tests so far; how far it goes is the question now."
    if not noise:
        return "No noise is known: a repeat of both would have to show it first."
    runs = runs_to_tell(change.value or noise, noise)
    if change.value and runs <= MOST_RUNS:
        return f"About {runs} runs of each would tell {abs(change.value):.4f} apart from the noise of {noise:.4f}."
    return (
        f"Telling it apart from the noise of {noise:.4f} would take more runs than it is worth; a bolder step, of an "
        f"effect of {2 * noise:.4f} or more, shows in {runs_to_tell(2 * noise, noise)} runs of each."
    )


def signed(value: float) -> str:
    """A difference in bpb with its sign; what rounds to nothing is not written as a number."""
    return f"{value:+.4f}" if abs(value) >= 0.00005 else "about 0"


def _next(context: ReflectContext) -> str:
    told = context.foresight
    where = f" on {told.next_axis}" if told.next_axis else ""
    return f"Next: {told.next_move}{where}. {told.reason}".rstrip()


def _assumption(plan: Plan, change: Change, outcome: Outcome, framing: Framing) -> str | None:
    if outcome not in ("contradicted", "mixed"):
        return None
    scored = plan.prediction_scored
    low, high = scored.interval
    numbers = (
        f"{signed(scored.expected_delta)} ({low:+.4f} to {high:+.4f}) was predicted, {signed(change.value)} measured"
    )
    believed = f"It was believed that {scored.mechanism.rstrip('.')}"
    if outcome == "mixed" and same_direction(scored, change):
        size = "more" if abs(change.value) > abs(scored.expected_delta) else "less"
        return f"{believed}. The direction held, the size did not: {numbers}, {size} than the belief allows."
    if outcome == "mixed":
        return f"{believed}. The size was allowed for, the direction was not foreseen: {numbers}."
    if not change.clear:
        return f"{believed}. Nothing of the size shows: {numbers}, which noise alone explains."
    excuse = "; but the framing, not the belief, may be at fault" if framing.excuses else ""
    way = "It is not without effect" if scored.direction == "unchanged" else "It went the other way"
    return f"{believed}. {way}: {numbers}, beyond the noise of {change.sd:.4f}{excuse}."


def _thought(context: ReflectContext, change: Change) -> str:
    """What became of the opposition: both sides with what they measured, and the question that is left."""
    plan, told = context.plan, context.foresight
    sides = {"thesis": _quoted(plan.thesis), "antithesis": _quoted(plan.antithesis)}
    if told.tested in ("thesis", "antithesis"):
        own, against = told.tested, "antithesis" if told.tested == "thesis" else "thesis"
        stand = _stand(context, against)
        if change.gain and context.verdict.claim == "proven":
            return (
                f"{sides[own]} pays here. {sides[against]} {stand}. The question is no longer whether, but how far it "
                "goes before the other side's case begins to count."
            )
        if change.gain:
            return (
                f"{sides[own]} measured better, and is not proven yet. {sides[against]} {stand}. Another gain of the "
                "same kind would say that it is no luck."
            )
        if change.loss:
            third = _quoted(plan.synthesis_candidate.split(":", 1)[0])
            return (
                f"{sides[own]} cost more than it brought. {sides[against]} {stand}. A third form has to keep what the "
                f"first is after and leave its price; the one at hand is {third}."
            )
        better = context.verdict.probability_better
        if not 1 - LEANING < better < LEANING:
            way = "towards" if better > 0.5 else "away from"
            return (
                f"The step leans {way} {sides[own]}, not beyond the noise. {sides[against]} {stand}. A larger step the "
                f"{'same' if better > 0.5 else 'other'} way would say more than a repeat."
            )
        return (
            f"Between {sides[own]} and {sides[against]} this step decides nothing, and the other side {stand}. Either "
            f"the setting matters little here, or {_what(plan)} was moved too timidly for this noise."
        )
    both = f"{sides['thesis']} and {sides['antithesis']}"
    if change.gain:
        return f"{both} turn out to be no either-or: joined through {_what(plan)} they gained {-change.value:.4f} bpb."
    if change.loss:
        return (
            f"{both} hinder each other when joined through {_what(plan)}: only one of them can be kept, or another "
            "change has to join them."
        )
    return f"{both} can be joined through {_what(plan)} without harm that shows, and so far without a gain that shows."


def _stand(context: ReflectContext, side: str) -> str:
    """What the other side has to show."""
    evidence = context.foresight.evidence
    pole = evidence.pole("thesis" if side == "thesis" else "antithesis") if evidence else None
    return _shown(pole)


def _shown(pole: PoleEvidence | None) -> str:
    if pole is None or pole.mean_delta is None:
        return "has not been measured"
    tests = "one test" if len(pole.experiments) == 1 else f"{len(pole.experiments)} tests"
    return f"stands at an estimated {signed(pole.mean_delta)} bpb after {tests}"


def _what(plan: Plan) -> str:
    parts = causes(plan)
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else "this change"


def _quoted(text: str) -> str:
    """The first sentence of an agent's text, in quotation marks."""
    first = text.split(". ", 1)[0].strip().rstrip(".")
    return f'"{textwrap.shorten(first, QUOTED, placeholder="…")}"'
