"""Fresh pairs as evidence for the adoption."""

from __future__ import annotations

import pytest

from dialectic.state.confirmation import Pair
from dialectic.state.result import ScoredRun
from dialectic.verdict import Belief, informed, judge

SIGMA = 0.01


def belief(candidate: float) -> Belief:
    """After a baseline at 2.0 and one candidate that was kept."""
    _, first = judge(
        Belief(prior_noise=SIGMA), "s:001", [ScoredRun(of="candidate", seed=k, val_bpb=2.0) for k in (1, 2)]
    )
    verdict, second = judge(first, "s:002", [ScoredRun(of="candidate", seed=3, val_bpb=candidate)])
    assert verdict.decision == "keep"
    return second


def pairs(*falls: float) -> list[Pair]:
    return [Pair(seed=number, baseline=2.0, incumbent=2.0 - fall) for number, fall in enumerate(falls)]


def test_pairs_make_it_surer_or_take_it_back() -> None:
    before = belief(1.985)
    sure = before.probability_better_than_baseline()
    assert informed(before, pairs(0.03, 0.03, 0.03)).probability_better_than_baseline() > max(sure, 0.99)
    assert informed(before, pairs(-0.03, -0.03, -0.03)).probability_better_than_baseline() < 0.1
    assert informed(before, []) == before


def test_with_many_pairs_the_estimate_is_theirs_and_noise_comes_from_their_spread() -> None:
    before = belief(1.985)
    after = informed(before, pairs(*[0.05, 0.07] * 200))
    assert after.mean is not None
    assert after.mean[0] - after.mean[1] == pytest.approx(0.06, abs=0.002)
    assert after.freedom == before.freedom + 2 * 399
    # The baseline did not spread at all, the incumbent by 0.01.
    assert after.noise == pytest.approx(0.01 / 2**0.5, rel=0.05)
