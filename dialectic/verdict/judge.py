"""The verdict on one candidate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from dialectic.state.base import Decision
from dialectic.state.result import Estimate, Result, ScoredRun, Verdict
from dialectic.verdict.belief import Belief, Posterior, observe, pooled
from dialectic.verdict.claims import lord_level, p_value

REPEATS_FROM = 5
"""From this many planned candidates on the baseline is run twice (design, section 8)."""
RULE = "adopt when the posterior effect is an improvement; claim by LORD++ at 5 %"
ADOPTION_PROBABILITY = 0.9
"""The incumbent must be better than the baseline with this probability to replace the top-level train.py."""


def baseline_runs(candidates: int) -> int:
    """How often the baseline is run in a session of that many candidates (0 for without end)."""
    return 2 if candidates == 0 or candidates >= REPEATS_FROM else 1


def judge(
    belief: Belief, experiment_id: str, candidate: Sequence[ScoredRun], incumbent: Sequence[ScoredRun] = ()
) -> tuple[Verdict, Belief]:
    """Decide one candidate.

    ``candidate`` are its scored runs, ``incumbent`` runs of the incumbent made for this comparison. The first scored
    experiment is the baseline and is kept as it is. Without a scored run the candidate is discarded.
    """
    if not candidate:
        return _not_scored(belief, experiment_id), belief
    if belief.mean is None:
        return _baseline(belief, experiment_id, candidate)
    return _compare(belief, experiment_id, candidate, incumbent)


def retrace(prior_noise: float, results: Iterable[Result]) -> Belief:
    """The belief that a session's recorded verdicts left, in the order of its iterations."""
    belief = Belief(prior_noise=prior_noise)
    for result in results:
        belief = replay(belief, f"{result.session_id}:{result.iteration_label}", result.verdict)
    return belief


def replay(belief: Belief, experiment_id: str, verdict: Verdict) -> Belief:
    """The belief after a recorded verdict: the same numbers go in, the recorded decision stands."""
    candidate = [run for run in verdict.runs if run.of == "candidate"]
    incumbent = [run for run in verdict.runs if run.of == "incumbent"]
    if not candidate:
        return belief
    if belief.mean is None:
        return _baseline(belief, experiment_id, candidate)[1]
    after = observe(belief, candidate, incumbent)
    return _successor(belief, after, experiment_id, verdict.decision, verdict.claim == "proven")


def _compare(
    belief: Belief, experiment_id: str, candidate: Sequence[ScoredRun], incumbent: Sequence[ScoredRun]
) -> tuple[Verdict, Belief]:
    after = observe(belief, candidate, incumbent)
    delta, delta_sd = after.delta()
    keep = delta < 0
    tail = p_value(belief, after, candidate, incumbent)
    level = lord_level(belief.tests + 1, belief.discoveries)
    proven = keep and tail <= level
    successor = _successor(belief, after, experiment_id, "keep" if keep else "discard", proven)
    verdict = Verdict(
        decision="keep" if keep else "discard",
        claim=("proven" if proven else "provisional") if keep else None,
        rule=RULE,
        delta=delta,
        delta_sd=delta_sd,
        expected_improvement=_expected_improvement(delta, delta_sd),
        probability_better=NormalDist().cdf(-delta / delta_sd) if delta_sd > 0 else float(delta < 0),
        noise_sigma=successor.noise,
        p_value=tail,
        level=level,
        runs=[*candidate, *incumbent],
        incumbent=belief.incumbent,
        successor=successor.incumbent,
    )
    return verdict, successor


def _successor(belief: Belief, after: Posterior, experiment_id: str, decision: Decision, proven: bool) -> Belief:
    pick = [0, 2] if decision == "keep" else [0, 1]
    mean = after.mean[pick]
    covariance = after.covariance[np.ix_(pick, pick)]
    number = belief.tests + 1
    return replace(
        belief,
        experiment_id=experiment_id if decision == "keep" else belief.experiment_id,
        mean=(float(mean[0]), float(mean[1])),
        covariance=(
            (float(covariance[0, 0]), float(covariance[0, 1])),
            (float(covariance[1, 0]), float(covariance[1, 1])),
        ),
        sum_squares=after.sum_squares,
        freedom=after.freedom,
        effects=(*belief.effects, after.effect),
        tests=number,
        discoveries=(*belief.discoveries, number) if proven else belief.discoveries,
    )


def _baseline(belief: Belief, experiment_id: str, runs: Sequence[ScoredRun]) -> tuple[Verdict, Belief]:
    values = [run.val_bpb for run in runs]
    extra, freedom = pooled(values)
    informed = replace(belief, sum_squares=belief.sum_squares + extra, freedom=belief.freedom + freedom)
    variance = informed.noise**2 / len(values)
    successor = replace(
        informed,
        baseline_id=experiment_id,
        experiment_id=experiment_id,
        mean=(float(np.mean(values)), float(np.mean(values))),
        covariance=((variance, variance), (variance, variance)),
    )
    verdict = _uncompared(
        "keep", "the baseline is kept as it was found", successor.noise, list(runs), successor.incumbent
    )
    return verdict, successor


def _not_scored(belief: Belief, experiment_id: str) -> Verdict:
    standing = belief.incumbent if belief.mean is not None else Estimate(experiment_id=experiment_id, estimate=0, sd=0)
    return _uncompared("discard", "a candidate without a score is discarded", belief.noise, [], standing)


def _uncompared(decision: Decision, rule: str, noise: float, runs: list[ScoredRun], standing: Estimate) -> Verdict:
    """A verdict that compared nothing: the incumbent stands as it stood."""
    keep = decision == "keep"
    return Verdict(
        decision=decision,
        claim="provisional" if keep else None,
        rule=rule,
        delta=None,
        delta_sd=None,
        expected_improvement=0.0,
        probability_better=0.5 if keep else 0.0,
        noise_sigma=noise,
        p_value=1.0,
        level=0.0,
        runs=runs,
        incumbent=standing,
        successor=standing,
    )


def _expected_improvement(delta: float, sd: float) -> float:
    """E[max(0, -effect)] of a Gaussian effect, in bpb."""
    if sd <= 0:
        return max(0.0, -delta)
    z = -delta / sd
    return -delta * NormalDist().cdf(z) + sd * NormalDist().pdf(z)
