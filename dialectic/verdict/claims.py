"""The test behind a claim, and its level.

The levels follow LORD++ (Ramdas, Yang, Wainwright and Jordan 2017, "Online control of the false discovery rate with
decaying memory"), which bounds the false discovery rate at :data:`CLAIM_LEVEL` however long the session goes on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dialectic.state.result import ScoredRun
from dialectic.verdict.belief import PRIOR_NOISE_RUNS, Belief, Posterior

CLAIM_LEVEL = 0.05
"""False discovery rate of the claims."""
INITIAL_WEALTH = CLAIM_LEVEL / 2
"""LORD++'s starting wealth; half of the level leaves as much for after the first discovery."""


def p_value(belief: Belief, after: Posterior, candidate: Sequence[ScoredRun], incumbent: Sequence[ScoredRun]) -> float:
    """One-sided t-test of the candidate's runs against the incumbent's estimate.

    The prior on effects has no say in the candidate. The incumbent was chosen for low runs, so its estimate errs to the
    low side and the test to the safe one.
    """
    from scipy.special import stdtr  # a fifth of a second that readers of a verdict need not wait for

    standing = belief.incumbent
    noise = math.sqrt(
        (PRIOR_NOISE_RUNS * belief.prior_noise**2 + after.sum_squares) / (PRIOR_NOISE_RUNS + after.freedom)
    )
    mean, variance = standing.estimate, standing.sd**2
    if incumbent:
        gain = variance / (variance + noise**2 / len(incumbent))
        mean += gain * (float(np.mean([run.val_bpb for run in incumbent])) - mean)
        variance *= 1 - gain
    difference = float(np.mean([run.val_bpb for run in candidate])) - mean
    spread = math.sqrt(noise**2 / len(candidate) + variance)
    return float(stdtr(PRIOR_NOISE_RUNS + after.freedom, difference / spread))


def lord_level(number: int, discoveries: Sequence[int]) -> float:
    """Level of test ``number`` (from 1) under LORD++, given the numbers of the tests that proved something."""
    level = _gamma(number) * INITIAL_WEALTH
    if discoveries:
        level += (CLAIM_LEVEL - INITIAL_WEALTH) * _gamma(number - discoveries[0])
        level += CLAIM_LEVEL * sum(_gamma(number - found) for found in discoveries[1:])
    return level


def _gamma(distance: int) -> float:
    """The decreasing weights of LORD++, which sum to at most 1 (constant from the same paper)."""
    if distance < 1:
        return 0.0
    return 0.0722 * math.log(max(distance, 2)) / (distance * math.exp(math.sqrt(math.log(distance))))
