"""What an experiment measured, and what of its prediction it contradicted."""

from __future__ import annotations

import pytest

from dialectic.knowledge.effect import Effect, contradiction, evidence_strength, measure
from dialectic.state.result import Result, ScoredRun
from tests.knowledge.histories import CAPACITY, SIGMA, START, edit, plan, result

MINE = plan(2, edits=[edit(CAPACITY, "thesis")], predicted=(-0.01, -0.004))


def with_runs(ended: Result, values: list[float]) -> Result:
    runs = [ScoredRun(of="candidate", seed=seed, val_bpb=value) for seed, value in enumerate(values)]
    runs.append(ScoredRun(of="incumbent", seed=99, val_bpb=START + 1))
    return ended.model_copy(update={"verdict": ended.verdict.model_copy(update={"runs": runs})})


def test_the_posterior_and_the_measured_change_are_kept_apart() -> None:
    effect = measure(with_runs(result(MINE, -0.003), [START - 0.006, START - 0.010]), None)
    assert effect.delta == -0.003
    assert effect.change == pytest.approx(-0.008)
    assert effect.sign == -1
    assert effect.certainty == pytest.approx(0.9)
    assert not effect.seed_sensitive


def test_runs_on_both_sides_of_the_incumbent_are_seed_sensitive() -> None:
    assert measure(with_runs(result(MINE, 0.001), [START - 0.002, START + 0.004]), None).seed_sensitive


def test_an_effect_within_half_its_sd_has_no_sign() -> None:
    assert measure(result(MINE, SIGMA / 5), None).sign == 0
    assert measure(result(MINE, SIGMA / 3), None).sign == 1


def test_baseline_failure_and_plan_have_no_effect() -> None:
    baseline = measure(result(plan(1)), None)
    failed = measure(result(MINE, failure="out-of-memory"), None)
    assert (baseline.delta, baseline.certainty, baseline.val_bpb) == (None, 0.0, START)
    assert failed.failed
    assert (failed.val_bpb, failed.delta) == (None, None)
    assert measure(None, None).status == "planned"
    assert not measure(result(MINE, failure="interrupted", status="interrupted"), None).failed


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (-0.006, None),
        (-0.003, "magnitude"),
        (-0.002, None),
        (-0.001, "magnitude"),
        (-0.02, "magnitude"),
        (0.001, "magnitude"),
        (0.004, "direction"),
    ],
)
def test_contradiction_of_a_prediction(change: float, expected: str | None) -> None:
    assert contradiction(MINE, measure(result(MINE, change), None)) == expected


def test_a_predicted_increase_that_came_is_at_most_too_large() -> None:
    foretold = MINE.prediction_scored.model_copy(update={"direction": "increase", "interval": (0.001, 0.002)})
    upward = MINE.model_copy(update={"prediction_scored": foretold})
    assert contradiction(upward, measure(result(MINE, 0.02), None)) == "magnitude"
    assert contradiction(upward, measure(result(MINE, -0.02), None)) == "direction"


def test_a_failure_contradicts_and_an_interruption_does_not() -> None:
    assert contradiction(MINE, measure(result(MINE, failure="nan"), None)) == "failure"
    assert contradiction(MINE, measure(result(MINE, failure="interrupted", status="interrupted"), None)) is None
    assert contradiction(MINE, measure(None, None)) is None


def test_evidence_follows_its_formula() -> None:
    effect = Effect("completed", 2.0, change=-0.01, delta=-0.01, certainty=0.5)
    assert evidence_strength(effect, 0) == 0.5
    assert evidence_strength(effect, 2) == pytest.approx(1 - 0.5 * 0.64)
    assert evidence_strength(Effect("failed"), 9) == 0.0
