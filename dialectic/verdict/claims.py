"""The test behind a claim, and its level.

The levels follow SAFFRON (Ramdas, Zrnic, Wainwright and Jordan 2018, "SAFFRON: an adaptive algorithm for online
control of the false discovery rate", ICML), which bounds the false discovery rate at :data:`CLAIM_LEVEL` however long
the session goes on, and spends nothing on ideas that are plainly no better.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from dialectic.verdict.belief import PRIOR_NOISE_RUNS, Belief

CLAIM_LEVEL = 0.05
"""False discovery rate of the claims."""
INITIAL_WEALTH = CLAIM_LEVEL / 2
"""The starting wealth; half of the level leaves as much for after the first discovery."""
CANDIDATE = 0.5
"""P-values up to here are candidates for a discovery."""
DECAY = 1.6
WEIGHTS_SUM = 2.285766
"""The sum of all n to the power of -1.6."""


def p_value(belief: Belief, candidate: Sequence[float], incumbent: Sequence[float]) -> float:
    """One-sided, that the candidate is not better, valid whenever the runs were stopped.

    ``candidate`` and ``incumbent`` are the ``val_bpb`` of this comparison's runs in the order made. Whether to buy
    another run was decided by looking, so each number of runs bought is a test of its own, and they share the level
    (:func:`look_share`); of those that were looked at, the first and the last are used.
    """
    first = _t_test(belief, candidate[:1], ()) / look_share(0)
    bought = len(candidate) + len(incumbent) - 1
    last = _t_test(belief, candidate, incumbent) / look_share(bought) if bought else first
    return min(first, last, 1.0)


def look_share(bought: int) -> float:
    """The share of the level for the look after so many bought runs; the shares of all looks sum to 1."""
    return 1.0 / ((bought + 1) * (bought + 2))


def _t_test(belief: Belief, candidate: Sequence[float], incumbent: Sequence[float]) -> float:
    """Student's t on raw runs: neither prior nor posterior has a say in the values.

    The incumbent became one because its runs were low, so their mean errs to the low side and the test to the safe
    one. The noise is what was known before this comparison; the profile's prior width counts for three runs only.
    """
    from scipy.special import stdtr  # a fifth of a second that readers of a verdict need not wait for

    own, _ = belief.own.add(incumbent)
    difference = sum(candidate) / len(candidate) - own.mean
    spread = belief.noise * math.sqrt(1 / len(candidate) + 1 / own.count)
    return float(stdtr(PRIOR_NOISE_RUNS + belief.freedom, difference / spread))


def claim_level(number: int, candidates: Sequence[int], discoveries: Sequence[int]) -> float:
    """Level of test ``number`` (from 1), given the numbers of the tests so far that were candidates and discoveries.

    A test is a candidate when its p-value is at most :data:`CANDIDATE`; the others, which are most of the worse ideas,
    use up nothing.
    """
    level = INITIAL_WEALTH * _weight(number - len(candidates))
    for rank, found in enumerate(discoveries):
        since = len(candidates) - bisect_right(candidates, found)
        level += (CLAIM_LEVEL - INITIAL_WEALTH if rank == 0 else CLAIM_LEVEL) * _weight(number - found - since)
    return min(CANDIDATE, (1 - CANDIDATE) * level)


def _weight(distance: int) -> float:
    """How the level is spread over the tests to come; sums to 1 (the power is the paper's)."""
    return math.pow(distance, -DECAY) / WEIGHTS_SUM
