"""Claims: levels that never spend more than they may, p-values that hold however the runs were stopped."""

from __future__ import annotations

import numpy as np
import pytest

from dialectic.state.result import ScoredRun
from dialectic.verdict import Belief, judge
from dialectic.verdict.claims import CANDIDATE, CLAIM_LEVEL, INITIAL_WEALTH, claim_level, look_share, p_value


def test_the_levels_never_spend_more_than_they_may() -> None:
    # SAFFRON without a discovery: the levels of the candidates may sum to the wealth, scaled by 1 - CANDIDATE.
    every = [claim_level(number, range(1, number), ()) for number in range(1, 2000)]
    assert every[0] == every[-1] == pytest.approx((1 - CANDIDATE) * INITIAL_WEALTH / 2.285766)
    none = [claim_level(number, (), ()) for number in range(1, 20_000)]
    assert 0.99 * (1 - CANDIDATE) * INITIAL_WEALTH < sum(none) <= (1 - CANDIDATE) * INITIAL_WEALTH


def test_a_discovery_earns_level_for_the_next() -> None:
    first = (CLAIM_LEVEL - INITIAL_WEALTH) / INITIAL_WEALTH
    before = claim_level(5, (4,), ())
    assert claim_level(5, (4,), (4,)) == pytest.approx(before + (1 - CANDIDATE) * first * INITIAL_WEALTH / 2.285766)


def test_the_looks_share_one_level() -> None:
    assert sum(look_share(bought) for bought in range(10_000)) == pytest.approx(1, abs=1e-3)
    assert look_share(0) == 0.5


@pytest.mark.parametrize("level", [0.02, 0.1])
def test_a_p_value_holds_when_runs_are_bought_until_it_is_small(level: float) -> None:
    """The worst buyer: a candidate without effect runs on until the test has what it wants, or four are bought."""
    generator = np.random.default_rng(3)
    sessions, hits = 1500, 0
    for _ in range(sessions):
        first = ScoredRun(of="candidate", seed=0, val_bpb=2 + 0.01 * generator.standard_normal())
        belief = judge(Belief(prior_noise=0.01), "s:001", [first])[1]
        values = [2 + 0.01 * float(generator.standard_normal())]
        while p_value(belief, values, ()) > level and len(values) <= 4:
            values.append(2 + 0.01 * float(generator.standard_normal()))
        hits += p_value(belief, values, ()) <= level
    assert hits / sessions <= level
