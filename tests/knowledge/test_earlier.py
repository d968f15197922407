"""What other sessions under the same conditions measured is told; under other conditions it is not."""

from __future__ import annotations

from dialectic.knowledge import briefing, rebuild
from dialectic.state.result import Estimate
from tests.knowledge.histories import CAPACITY, SIGMA, baseline, session, turn


def test_other_sessions_are_told_when_their_numbers_compare() -> None:
    old = [baseline("old", 0), turn(2, CAPACITY, "thesis", 0.003, name="old", minute=2)]
    other = [baseline("other", 4), turn(2, CAPACITY, "antithesis", -0.003, name="other", minute=6)]
    own = [baseline("s", 10), turn(2, CAPACITY, "thesis", -0.002, minute=12)]
    logs = [(session("old"), old), (session("other", profile="h100"), other), (session(), own)]
    advice = briefing(rebuild(logs), "s", 3, Estimate(experiment_id="s:002", estimate=1.99, sd=0.001), SIGMA)
    assert [one.experiment_id for one in advice.earlier] == ["old:002"]
    assert [one.experiment_id for one in advice.recent] == ["s:001", "s:002"]
    (told,) = advice.earlier
    assert told.change is not None
    assert abs(told.change - 0.003) < 1e-9
