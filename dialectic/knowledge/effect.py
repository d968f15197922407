"""What an experiment measured: its effect, how sure that is, and what of its prediction it contradicted."""

from __future__ import annotations

from dataclasses import dataclass

from dialectic.state.base import Status
from dialectic.state.knowledge import ContradictionClass
from dialectic.state.measured import Change, change_of, outcome_of, same_direction
from dialectic.state.plan import NOT_RECORDED, Plan
from dialectic.state.result import Result

UNJUDGED_CERTAINTY = 0.25
"""Of a difference without a verdict, as the reference system left it: its noise is unknown."""

SIGN_SDS = 0.5
"""Posterior SDs that an effect must exceed for its sign to count; about 70 % probability."""

FAILED: frozenset[Status] = frozenset({"failed", "timed_out", "rejected"})
"""Statuses that say something against the candidate; an interruption does not."""


@dataclass(frozen=True)
class Effect:
    """Differences are candidate minus incumbent of its time, in bpb; ``sign`` is -1 better, 1 worse, 0 unclear."""

    status: Status
    val_bpb: float | None = None
    change: float | None = None
    """As measured: mean of its runs minus the incumbent's estimate."""
    change_sd: float | None = None
    """Null where no verdict knew the noise."""
    delta: float | None = None
    """The estimated effect: posterior mean."""
    delta_sd: float | None = None
    noise_sigma: float = 0.0
    probability_better: float = 0.5
    certainty: float = 0.0
    """|2 P(better) - 1|: 0 for a coin flip, 1 for a sure sign."""
    sign: int = 0
    seed_sensitive: bool = False
    """Some of its runs were better and some worse than the incumbent."""

    @property
    def failed(self) -> bool:
        """Whether the candidate itself did not reach a score."""
        return self.status in FAILED


def scored_bpb(result: Result) -> float | None:
    """The score, or what the reference system's training printed; null when the run did not complete."""
    if result.status != "completed":
        return None
    return result.score.val_bpb if result.score else result.summary.get("val_bpb")


def measure(result: Result | None, best_before: float | None) -> Effect:
    """The effect of one experiment.

    ``best_before`` is the lowest earlier score that compares: it stands for the incumbent where no verdict named one,
    as in the reference system's files.
    """
    if result is None:
        return Effect("planned")
    score = scored_bpb(result)
    if score is None:
        return Effect(result.status)
    verdict = result.verdict
    if verdict.incumbent is None:
        delta = None if best_before is None else score - best_before
        certainty = 0.0 if delta is None else UNJUDGED_CERTAINTY
        return Effect("completed", score, change=delta, delta=delta, certainty=certainty, sign=_sign(delta, 0.0))
    runs = [run.val_bpb for run in verdict.runs if run.of == "candidate"] or [score]
    change = change_of(verdict)
    spread = verdict.delta_sd if verdict.delta_sd is not None else verdict.noise_sigma
    return Effect(
        status="completed",
        val_bpb=score,
        change=change.value if change else None,
        change_sd=change.sd if change else None,
        delta=verdict.delta,
        delta_sd=verdict.delta_sd,
        noise_sigma=verdict.noise_sigma,
        probability_better=verdict.probability_better,
        certainty=0.0 if verdict.delta is None else abs(2.0 * verdict.probability_better - 1.0),
        sign=_sign(verdict.delta, SIGN_SDS * spread),
        seed_sensitive=verdict.delta is not None and min(runs) < verdict.incumbent.estimate < max(runs),
    )


def _sign(delta: float | None, margin: float) -> int:
    if delta is None or abs(delta) <= margin:
        return 0
    return 1 if delta > 0 else -1


def contradiction(plan: Plan, effect: Effect) -> ContradictionClass | None:
    """What of a prediction of ``val_bpb`` the measured change contradicts, by :mod:`dialectic.state.measured`.

    ``direction`` where the change clearly has another one than predicted, ``magnitude`` where only the interval missed.
    """
    if effect.failed:
        return "failure"
    predicted = plan.prediction_scored
    if effect.change is None or effect.change_sd is None or predicted.mechanism == NOT_RECORDED:
        return None
    change = Change(effect.change, effect.change_sd, runs=1)
    if outcome_of(predicted, change) in ("confirmed", "inconclusive"):
        return None
    return "direction" if change.clear and not same_direction(predicted, change) else "magnitude"


def evidence_strength(effect: Effect, corroborations: int) -> float:
    """How strongly an experiment speaks, in 0..1: ``1 - (1 - certainty) * 0.8 ** corroborations``.

    A run without a measured effect speaks with 0; each experiment that agrees takes a fifth of the remaining doubt.
    """
    if effect.delta is None:
        return 0.0
    return round(1.0 - (1.0 - effect.certainty) * 0.8**corroborations, 6)
