"""A reflection out of the numbers: the builtin agent's own, and what the loop fills in for every other agent."""

from __future__ import annotations

from dataclasses import dataclass

from dialectic.state.base import MoveType, Outcome, SynthesisStatus
from dialectic.state.contracts import ReflectContext
from dialectic.state.plan import Plan
from dialectic.state.proposal import KnobEdit
from dialectic.state.result import Reflection
from dialectic.state.run import FailureKind

FEW_STEPS = 100
"""Optimizer steps below which a run says little about its method: a rule of thumb."""

SIZES = frozenset({"DEPTH", "ASPECT_RATIO", "HEAD_DIM", "MLP_RATIO", "KV_HEAD_RATIO"})
BATCHES = frozenset({"TOTAL_BATCH_SIZE", "DEVICE_BATCH_SIZE"})

FEWER = 0.9
"""A candidate that saw less than this share of the incumbent's tokens had less to learn from."""

ASSUMED: dict[FailureKind, str] = {
    "crash": "that the changed train.py runs at all",
    "out-of-memory": "that the candidate fits into the memory of this machine",
    "disk": "that the candidate writes no more than its model and its events",
    "timeout": "that the candidate ends within its wall limit",
    "hang": "that the candidate never waits for something that does not come",
    "nan": "that training stays stable under this change",
    "export": "that the model can be exported as a graph",
    "score": "that the handed-over model is one that can be scored",
    "check": "that the handed-over model is an honest language model",
}
"""What a failure contradicts; the kinds that are left out say nothing about the candidate."""

MIS_SCALED: frozenset[FailureKind] = frozenset({"out-of-memory", "timeout", "nan"})


@dataclass(frozen=True)
class Numbers:
    """What is compared, in bpb; deltas are candidate minus incumbent."""

    delta: float
    sd: float
    """SD of ``delta``; the run's noise where the verdict names none."""
    low: float
    high: float
    expected: float
    better: float
    """Probability that the candidate is better."""

    @property
    def inside(self) -> bool:
        """Whether the measured change lies in the predicted interval."""
        return self.low <= self.delta <= self.high

    @property
    def clear(self) -> bool:
        """Whether the change can be told from none."""
        return abs(self.delta) > self.sd

    @property
    def outside_by(self) -> float:
        """How far it lies outside of the interval."""
        return max(self.low - self.delta, self.delta - self.high, 0.0)


def reflect(context: ReflectContext) -> Reflection:
    """Interpret an iteration from its plan, score and verdict alone; every field is filled, nothing is drawn."""
    numbers = numbers_of(context)
    if numbers is None:
        return _of_failure(context) if context.score is None else _of_baseline(context)
    outcome = outcome_of(context.plan, numbers)
    return Reflection(
        outcome=outcome,
        contradicted_assumption=_assumption(context.plan, numbers, outcome),
        framing_diagnosis=_framing(context, numbers),
        next_move_type=_next_move(context, outcome),
        summary_text=_summary(context, numbers, outcome),
        synthesis_status=_synthesis(context, numbers),
        emergent_thought=_thought(context, numbers, outcome),
    )


def numbers_of(context: ReflectContext) -> Numbers | None:
    """None where nothing was compared: a failed run, and the baseline."""
    verdict, scored = context.verdict, context.plan.prediction_scored
    if context.score is None or verdict.delta is None:
        return None
    sd = verdict.delta_sd if verdict.delta_sd is not None else verdict.noise_sigma
    low, high = scored.interval
    return Numbers(verdict.delta, sd, low, high, scored.expected_delta, verdict.probability_better)


def outcome_of(plan: Plan, numbers: Numbers) -> Outcome:
    """How the prediction fared.

    Inside its interval it is confirmed when the change is clear and has the predicted direction, or when none was
    predicted; contradicted when it is clear and has the other direction; else inconclusive. Outside by more than one SD
    it is contradicted, but mixed where the direction was right and the change only larger than predicted. Outside by
    less it is inconclusive.
    """
    direction = plan.prediction_scored.direction
    if direction == "unchanged":
        if numbers.inside:
            return "confirmed"
        return "contradicted" if numbers.outside_by > numbers.sd else "inconclusive"
    right = (numbers.delta < 0) == (direction == "decrease")
    if numbers.clear and not right:
        return "contradicted"
    if numbers.inside:
        return "confirmed" if numbers.clear else "inconclusive"
    if numbers.outside_by <= numbers.sd:
        return "inconclusive"
    return "mixed" if right and abs(numbers.delta) > abs(numbers.expected) else "contradicted"


def changed_knobs(plan: Plan) -> set[str]:
    """The knobs that the plan's edits name."""
    return {edit.knob for edit in plan.edits if isinstance(edit, KnobEdit)}


def _of_baseline(context: ReflectContext) -> Reflection:
    score, noise = context.score, context.verdict.noise_sigma
    value = f"{score.val_bpb:.4f}" if score else "unknown"
    return Reflection(
        outcome="inconclusive",
        contradicted_assumption=None,
        framing_diagnosis="Nothing was compared: this run is what later candidates are compared with.",
        next_move_type="exploit",
        summary_text=f"The baseline measured val_bpb {value}; runs of one file differ by about {noise:.4f} bpb.",
        synthesis_status="deferred",
        emergent_thought=f"A change has to be worth more than about {2 * noise:.4f} bpb to show in a single run.",
    )


def _of_failure(context: ReflectContext) -> Reflection:
    failure = context.failure
    assumption = ASSUMED.get(failure.kind)
    why = f"{failure.kind}: {failure.message.rstrip('.')}" if failure.message else failure.kind
    if failure.kind in MIS_SCALED:
        framing = f"The candidate was mis-scaled for the budget or the machine ({why}); the idea itself was not tested."
    elif assumption:
        framing = f"The idea was not tested: the candidate did not get as far as a score ({why})."
    else:
        framing = f"Nothing can be said about the idea: the run was not completed ({why})."
    smaller = "a smaller step in the same direction" if failure.kind in MIS_SCALED else "the same idea, mended,"
    contradicted = f"It was assumed {assumption}; it does not: {why}." if assumption else None
    return Reflection(
        outcome="contradicted" if failure.kind in MIS_SCALED else "inconclusive",
        contradicted_assumption=contradicted if failure.kind in MIS_SCALED or failure.kind == "crash" else None,
        framing_diagnosis=framing,
        next_move_type="negate" if context.plan.move_type == "exploit" else "exploit",
        summary_text=f"The candidate has no score: {why}. {context.plan.prediction}",
        synthesis_status="deferred",
        emergent_thought=f"Whether {smaller} would do better stays open; the incumbent stays.",
    )


def _assumption(plan: Plan, numbers: Numbers, outcome: Outcome) -> str | None:
    if outcome not in ("contradicted", "mixed"):
        return None
    scored = plan.prediction_scored
    told = f"{numbers.expected:+.4f} bpb ({numbers.low:+.4f} to {numbers.high:+.4f})"
    measured = f"{numbers.delta:+.4f} +/- {numbers.sd:.4f}"
    if outcome == "mixed":
        return f"The direction held, the size did not: {told} was predicted and {measured} measured."
    return f"It was assumed that {scored.mechanism.rstrip('.')}: {told} was predicted and {measured} measured."


def _framing(context: ReflectContext, numbers: Numbers) -> str:
    """Which of the four it was: a poor idea, an unfair comparison, a confounded change set, a wrong scale."""
    plan = context.plan
    changed = changed_knobs(plan)
    steps = context.metrics.get("num_steps")
    if numbers.clear and numbers.delta < 0:
        return f"The framing held: a gain of {-numbers.delta:.4f} bpb is {_sds(numbers)} SDs from nothing."
    if changed & SIZES and steps is not None and steps < FEW_STEPS:
        return (
            f"The candidate was mis-scaled for the budget: it made only {steps:.0f} steps, so its size was judged "
            "before it could pay."
        )
    if not numbers.clear:
        return (
            f"The comparison could not tell: {numbers.delta:+.4f} bpb is {_sds(numbers)} SDs from nothing, so the idea "
            "is neither poor nor good yet."
        )
    if len(changed - BATCHES) > 1 or len(changed) < len(plan.edits):
        what = ", ".join(sorted(changed)) or "the text of train.py"
        return f"The change set was confounded: {what} changed together, so the loss cannot be laid to one of them."
    tokens, before = context.metrics.get("total_tokens_M"), context.incumbent_metrics.get("total_tokens_M")
    if tokens and before and tokens < FEWER * before:
        return (
            f"The comparison was unfair: the candidate saw {tokens:.3g} M tokens in the budget where the incumbent saw "
            f"{before:.3g} M. Per token it may be better; under this budget it is worse by {numbers.delta:.4f} bpb."
        )
    return (
        f"The idea was poor: one change under the same budget, and {numbers.delta:+.4f} bpb, {_sds(numbers)} SDs from "
        "nothing."
    )


def _sds(numbers: Numbers) -> str:
    return f"{abs(numbers.delta) / numbers.sd:.1f}" if numbers.sd > 0 else "many"


def _next_move(context: ReflectContext, outcome: Outcome) -> MoveType:
    if context.verdict.decision == "keep":
        return "exploit"
    if context.plan.move_type == "exploit":
        return "negate" if outcome == "contradicted" else "synthesize"
    return "synthesize" if context.plan.move_type == "negate" else "exploit"


def _summary(context: ReflectContext, numbers: Numbers, outcome: Outcome) -> str:
    verdict, score = context.verdict, context.score
    assert score is not None
    against = f" against {verdict.incumbent.estimate:.4f} of the incumbent" if verdict.incumbent else ""
    kept = f"kept ({verdict.claim})" if verdict.decision == "keep" else "discarded"
    return (
        f"val_bpb {score.val_bpb:.4f}{against}: an effect of {numbers.delta:+.4f} +/- {numbers.sd:.4f} bpb, better "
        f"with probability {numbers.better:.2f}, where {numbers.expected:+.4f} was predicted ({numbers.low:+.4f} to "
        f"{numbers.high:+.4f}). The prediction is {outcome}; the candidate is {kept}."
    )


def _synthesis(context: ReflectContext, numbers: Numbers) -> SynthesisStatus:
    if context.plan.move_type != "synthesize":
        return "proposed"
    if context.verdict.decision == "keep":
        return "confirmed"
    return "contradicted" if numbers.clear and numbers.delta > 0 else "partial"


def _thought(context: ReflectContext, numbers: Numbers, outcome: Outcome) -> str:
    plan, tested = context.plan, " and ".join(sorted(changed_knobs(context.plan))) or "this change"
    if context.verdict.decision == "keep":
        return (
            f"{tested} moved the incumbent by {numbers.delta:+.4f} bpb; what the other pole holds against it has to "
            "show itself further along the same way."
        )
    if plan.move_type == "synthesize":
        return (
            f"Joining both poles through {tested} gave {numbers.delta:+.4f} bpb: their strengths did not add up here."
        )
    if outcome == "inconclusive":
        runs = max(2, round((2 * numbers.sd / max(abs(numbers.delta), numbers.sd / 4)) ** 2))
        return f"{tested} is worth less than the noise; about {runs} more runs, or a larger step, would decide it."
    if numbers.delta > 0:
        return (
            f"Pushing {tested} costs {numbers.delta:.4f} bpb alone; a third form would take its strength and pay with "
            f"the other pole: {plan.synthesis_candidate}"
        )
    return f"{tested} gained {-numbers.delta:.4f} bpb and was not kept; together with the other pole it may."
