"""Which further run is worth buying."""

from __future__ import annotations

import math

from dialectic.state.result import ScoredRun
from dialectic.verdict import Belief, judge, next_run


def of(whose: str, *values: float) -> list[ScoredRun]:
    return [ScoredRun.model_validate({"of": whose, "seed": k, "val_bpb": value}) for k, value in enumerate(values)]


def started(*values: float, noise: float) -> Belief:
    return judge(Belief(prior_noise=noise), "s:001", of("candidate", *values))[1]


def buy(
    belief: Belief, *values: float, allowance: int = 30, max_repeats: int = 4, remaining: int | None = 50
) -> list[str]:
    """What is bought when every run repeats the first one's number, and the incumbent its estimate."""
    candidate, incumbent, bought = of("candidate", *values), list[ScoredRun](), list[str]()
    while True:
        more = next_run(
            belief,
            candidate,
            incumbent,
            remaining=remaining,
            max_repeats=max_repeats,
            allowance=allowance - len(bought),
        )
        if more is None:
            return bought
        bought.append(more)
        if more == "candidate":
            candidate += of("candidate", values[0])
        else:
            incumbent += of("incumbent", belief.incumbent.estimate)


def test_at_low_noise_nothing_is_bought() -> None:
    belief = started(1.0, noise=1e-4)
    assert all(not buy(belief, 1.0 + step * 1e-4) for step in range(-30, 30, 3))


def seasoned() -> Belief:
    """A session whose noise is larger than its effects, after a dozen candidates a little worse than its baseline."""
    belief = started(1.0, 1.001, noise=1e-2)
    for iteration in range(12):
        belief = judge(belief, f"s:{iteration + 2:03d}", of("candidate", 1.004 + 0.01 * math.sin(iteration)))[1]
    return belief


def test_at_high_noise_a_doubtful_candidate_is_run_again_and_a_clear_one_is_not() -> None:
    belief = seasoned()
    assert buy(belief, belief.incumbent.estimate - 0.02)
    assert not buy(belief, belief.incumbent.estimate + 0.1)
    assert not buy(belief, belief.incumbent.estimate - 0.5)


def test_limits_hold() -> None:
    belief = seasoned()
    doubtful = belief.incumbent.estimate - 0.02
    assert len(buy(belief, doubtful, max_repeats=1)) == 1
    assert len(buy(belief, doubtful, allowance=1)) == 1
    assert len(buy(belief, doubtful, max_repeats=4)) <= 4
    assert not buy(belief, doubtful, allowance=0)
    assert not buy(belief, doubtful, max_repeats=0)


def test_the_last_candidate_displaces_no_other() -> None:
    belief = started(1.0, noise=3e-3)
    doubtful = 0.9955
    assert len(buy(belief, doubtful, remaining=0)) >= len(buy(belief, doubtful, remaining=None))
    assert buy(belief, doubtful, remaining=0)


def test_an_incumbent_known_by_one_run_is_run_again_before_a_candidate_known_by_three() -> None:
    belief = started(1.0, noise=1e-2)
    runs = of("candidate", 0.985, 0.985, 0.985)
    assert next_run(belief, runs, [], remaining=0, max_repeats=4, allowance=9) == "incumbent"


def test_before_the_baseline_there_is_nothing_to_compare() -> None:
    assert next_run(Belief(prior_noise=0.01), of("candidate", 1.0), [], remaining=9, max_repeats=4, allowance=9) is None
