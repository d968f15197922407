"""The verdict on one candidate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from dialectic.state.base import Decision
from dialectic.state.result import Estimate, Result, ScoredRun, Verdict
from dialectic.verdict.belief import Belief, Posterior, Runs, observe
from dialectic.verdict.claims import CANDIDATE, claim_level, p_value
from dialectic.verdict.effects import FIELD_MEANS, learn

REPEATS_FROM = 5
"""From this many planned candidates on the baseline is run twice (design, section 8)."""
Rule = Literal["bayes", "greedy"]
"""How a session decides: by the posterior, or by the field's plain rule for comparison."""
NOTABLE_NOISE = 0.25 * FIELD_MEANS[1]
"""Noise in bpb from which on it matters how large it is: a quarter of what the field's improvements bring."""
RULE = "adopt when the posterior effect is an improvement; claim by SAFFRON at 5 %"
GREEDY = "greedy: keep when the first val_bpb is below the incumbent's recorded one; claim by SAFFRON at 5 %"
SIMPLER = "simplification: keep what deletes code and is not worse within the noise; claim by SAFFRON at 5 %"
CONCESSION = 0.25
"""Noise SDs that one simplification may be expected to cost."""
CONCESSIONS = 0.5
"""Noise SDs that all simplifications of a session together may be expected to cost."""
ADOPTION_PROBABILITY = 0.9
"""The incumbent must be better than the baseline with this probability to replace the top-level train.py."""


def baseline_runs(candidates: int, prior_noise: float = math.inf) -> int:
    """How often the baseline is run in a session of that many candidates (0 for without end).

    The second run tells the noise, which decides what to believe. With a ``prior_noise`` far below the improvements
    that candidates bring it decides nothing, and the run is better spent on a candidate.
    """
    long = candidates == 0 or candidates >= REPEATS_FROM
    return 2 if long and prior_noise >= NOTABLE_NOISE else 1


def judge(
    belief: Belief,
    experiment_id: str,
    candidate: Sequence[ScoredRun],
    incumbent: Sequence[ScoredRun] = (),
    *,
    rule: Rule = "bayes",
    deletes: int = 0,
) -> tuple[Verdict, Belief]:
    """Decide one candidate.

    ``candidate`` are its scored runs, ``incumbent`` runs of the incumbent made for this comparison, each in the order
    made. ``deletes`` is the net number of statements that the candidate removes. The first scored experiment is the
    baseline and is kept as it is. Without a scored run the candidate is discarded.
    """
    if not candidate:
        return _not_scored(belief, experiment_id), belief
    if belief.mean is None:
        return _baseline(belief, experiment_id, candidate)
    after = observe(belief, candidate, incumbent)
    return _compare(belief, after, experiment_id, [*candidate, *incumbent], _decide(belief, after, rule, deletes))


def retrace(belief: Belief, results: Iterable[Result]) -> Belief:
    """The belief that a session's recorded verdicts left of its first one, in the order of its iterations."""
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
    return _successor(belief, after, experiment_id, verdict)


def _decide(belief: Belief, after: Posterior, rule: Rule, deletes: int) -> tuple[Decision, str]:
    """The decision and the rule that made it."""
    delta = after.effect.mean
    if rule == "greedy":
        return ("keep" if after.first < belief.recorded else "discard"), GREEDY
    if delta < 0:
        return "keep", RULE
    spent = belief.conceded + delta
    if deletes > 0 and delta <= CONCESSION * belief.noise and spent <= CONCESSIONS * belief.noise:
        return "keep", SIMPLER
    return "discard", RULE


def _compare(
    belief: Belief, after: Posterior, experiment_id: str, runs: list[ScoredRun], decided: tuple[Decision, str]
) -> tuple[Verdict, Belief]:
    decision, rule = decided
    effect = after.effect
    tail = p_value(
        belief,
        [run.val_bpb for run in runs if run.of == "candidate"],
        [run.val_bpb for run in runs if run.of == "incumbent"],
    )
    level = claim_level(belief.tests + 1, belief.candidates, belief.discoveries)
    proven = decision == "keep" and tail <= level
    verdict = Verdict(
        decision=decision,
        claim=("proven" if proven else "provisional") if decision == "keep" else None,
        rule=rule,
        delta=effect.mean,
        delta_sd=math.sqrt(effect.variance),
        expected_improvement=effect.gain,
        probability_better=effect.better,
        noise_sigma=after.informed.noise,
        p_value=tail,
        level=level,
        runs=runs,
        incumbent=belief.incumbent,
        successor=None,
    )
    successor = _successor(belief, after, experiment_id, verdict)
    return verdict.model_copy(update={"successor": successor.incumbent}), successor


def _successor(belief: Belief, after: Posterior, experiment_id: str, verdict: Verdict) -> Belief:
    number, keep = belief.tests + 1, verdict.decision == "keep"
    return replace(
        after.adopted() if keep else after.informed,
        experiment_id=experiment_id if keep else belief.experiment_id,
        conceded=belief.conceded + (max(after.effect.mean, 0.0) if verdict.rule == SIMPLER else 0.0),
        effects=learn(belief.effects, after.effect),
        tests=number,
        candidates=(*belief.candidates, number) if verdict.p_value <= CANDIDATE else belief.candidates,
        discoveries=(*belief.discoveries, number) if verdict.claim == "proven" else belief.discoveries,
    )


def _baseline(belief: Belief, experiment_id: str, runs: Sequence[ScoredRun]) -> tuple[Verdict, Belief]:
    own, squares = Runs().add([run.val_bpb for run in runs])
    informed = replace(belief, sum_squares=belief.sum_squares + squares, freedom=belief.freedom + own.count - 1)
    variance = informed.noise**2 / own.count
    successor = replace(
        informed,
        baseline_id=experiment_id,
        experiment_id=experiment_id,
        own=own,
        recorded=runs[0].val_bpb,
        mean=(own.mean, own.mean),
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
