"""The one rule for how a prediction fared, cell by cell."""

from __future__ import annotations

import math
import random
from typing import Literal

import pytest

from dialectic.state.measured import Change, change_of, outcome_of, runs_to_tell
from dialectic.state.proposal import Prediction
from dialectic.state.result import Estimate, ScoredRun, Verdict

Direction = Literal["decrease", "increase", "unchanged"]


def prediction(direction: Direction, low: float, high: float) -> Prediction:
    middle = (low + high) / 2
    return Prediction(direction=direction, expected_delta=middle, interval=(low, high), confidence=0.8, mechanism="m")


def verdict(values: list[float], delta: float | None = -0.001, incumbent: float = 2.0) -> Verdict:
    runs = [ScoredRun(of="candidate", seed=place, val_bpb=value) for place, value in enumerate(values)]
    return Verdict(
        decision="discard",
        claim=None,
        rule="test",
        delta=delta,
        delta_sd=0.01,
        expected_improvement=0.0,
        probability_better=0.5,
        noise_sigma=0.04,
        p_value=0.5,
        level=0.05,
        runs=[*runs, ScoredRun(of="incumbent", seed=99, val_bpb=9.0)],
        incumbent=Estimate(experiment_id="s:001", estimate=incumbent, sd=0.03),
        successor=None,
    )


@pytest.mark.parametrize(
    ("low", "high", "value", "outcome"),
    [
        (-0.03, 0.01, -0.020, "confirmed"),  # clear, right, inside
        (-0.03, 0.01, -0.040, "mixed"),  # clear, right, larger than the interval allows
        (-0.08, -0.04, -0.020, "mixed"),  # clear, right, smaller than it allows
        (-0.03, 0.01, -0.009, "inconclusive"),  # not clear, inside
        (-0.03, 0.01, 0.000, "inconclusive"),
        (-0.03, -0.01, -0.005, "inconclusive"),  # not clear, outside by less than one SD
        (-0.03, -0.01, 0.005, "contradicted"),  # not clear, outside by more than one SD
        (-0.03, 0.03, 0.020, "mixed"),  # clear, wrong, but inside
        (-0.03, 0.01, 0.020, "contradicted"),  # clear, wrong, outside
    ],
)
def test_every_cell_of_the_table_and_its_mirror(low: float, high: float, value: float, outcome: str) -> None:
    assert outcome_of(prediction("decrease", low, high), Change(value, 0.01, 1)) == outcome
    assert outcome_of(prediction("increase", -high, -low), Change(-value, 0.01, 1)) == outcome


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.0, "confirmed"), (0.019, "confirmed"), (0.021, "contradicted"), (-0.021, "contradicted")],
)
def test_a_prediction_of_no_change(value: float, outcome: str) -> None:
    assert outcome_of(prediction("unchanged", -0.02, 0.02), Change(value, 0.01, 1)) == outcome
    assert outcome_of(prediction("unchanged", -0.005, 0.005), Change(0.008, 0.01, 1)) == "inconclusive"


def test_never_contradicted_inside_and_never_confirmed_outside() -> None:
    draw = random.Random(1)
    directions: tuple[Direction, ...] = ("decrease", "increase", "unchanged")
    for _ in range(2000):
        low, high = sorted(draw.gauss(0, 0.02) for _ in range(2))
        change = Change(draw.gauss(0, 0.03), draw.choice([0.0, 0.001, 0.02]), 1)
        outcome = outcome_of(prediction(draw.choice(directions), low, high), change)
        assert outcome != ("contradicted" if low <= change.value <= high else "confirmed")


def test_the_measured_change_is_raw_and_knows_its_noise() -> None:
    change = change_of(verdict([2.01, 2.03, 2.01, 2.03]))
    assert change is not None
    assert (round(change.value, 9), change.runs) == (0.02, 4)
    assert change.sd == pytest.approx(math.hypot(0.04 / 2, 0.03))
    assert not change.clear
    assert change_of(verdict([2.02], delta=None)) is None
    assert change_of(verdict([])) is None


def test_so_many_runs_tell_a_difference_from_noise() -> None:
    assert runs_to_tell(0.01, 0.01) == 8
    assert runs_to_tell(-0.01, 0.01) == 8
    assert runs_to_tell(0.1, 0.01) == 2
    draw, noise, difference = random.Random(2), 0.02, 0.015
    runs = runs_to_tell(difference, noise)
    told = [
        sum(draw.gauss(difference, noise) - draw.gauss(0, noise) for _ in range(runs)) / runs > 0 for _ in range(2000)
    ]
    assert sum(told) / len(told) > 0.96
    with pytest.raises(ValueError, match="nothing"):
        runs_to_tell(0.0, 0.01)
