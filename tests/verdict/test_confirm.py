"""The total improvement from fresh pairs: the interval, how often it covers, and what the pairs tell the adoption."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dialectic.state.confirmation import Pair
from dialectic.state.result import ScoredRun
from dialectic.verdict import Belief, confirm, informed, judge


def kept() -> Belief:
    """A baseline at 2.0 and an incumbent at about 1.97."""
    belief = Belief(prior_noise=0.01)
    for iteration, value in ((1, 2.0), (2, 1.97)):
        run = ScoredRun(of="candidate", seed=iteration, val_bpb=value)
        belief = judge(belief, f"s:{iteration:03d}", [run])[1]
    return belief


def test_the_interval_is_students_for_two_samples() -> None:
    pairs = [Pair(seed=k, baseline=2.0 + 0.01 * k, incumbent=1.9 - 0.02 * k) for k in (-1, 0, 1)]
    told = confirm(pairs, kept())
    assert told.improvement == pytest.approx(0.1)
    assert (told.degrees_of_freedom, told.baseline_id, told.incumbent_id) == (4, "s:001", "s:002")
    half = 2.776445 * math.sqrt((2 * 0.01**2 + 2 * 0.02**2) / 4 * 2 / 3)
    assert told.low == pytest.approx(0.1 - half)
    assert told.high == pytest.approx(0.1 + half)
    assert "3 fresh interleaved pairs" in told.method


def test_one_pair_has_no_interval() -> None:
    told = confirm([Pair(seed=1, baseline=2.0, incumbent=1.9)])
    assert (told.low, told.high, told.degrees_of_freedom) == (None, None, 0)
    assert "no interval" in told.method


@pytest.mark.parametrize(("count", "drift"), [(3, 0.0), (2, 0.0), (3, 3.0)])
def test_the_interval_covers_and_a_drift_common_to_a_pair_only_widens_it(count: int, drift: float) -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(2000):
        values = 1.0 + generator.standard_normal((count, 2)) + drift * generator.standard_normal((count, 1))
        told = confirm([Pair(seed=0, baseline=float(a), incumbent=float(b) - 0.5) for a, b in values])
        assert told.low is not None
        assert told.high is not None
        covered += told.low <= 0.5 <= told.high
    assert covered / 2000 >= 0.94
    if not drift:
        assert covered / 2000 <= 0.96


def test_the_pairs_inform_the_adoption() -> None:
    belief = kept()
    worse = [Pair(seed=k, baseline=1.98, incumbent=2.0 + 0.001 * k) for k in range(3)]
    after = informed(belief, worse)
    assert after.probability_better_than_baseline() < 0.5 < belief.probability_better_than_baseline()
    assert after.freedom == belief.freedom + 4
