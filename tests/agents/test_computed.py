from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from dialectic.agents.computed import reflect
from dialectic.state.base import Metrics, MoveType
from dialectic.state.contracts import ReflectContext
from dialectic.state.plan import Plan
from dialectic.state.proposal import Edit, KnobEdit, Prediction, ReplaceEdit
from dialectic.state.result import Estimate, Verdict
from dialectic.state.run import Failure, FailureKind, Score
from tests.agents.world import World

INCUMBENT = {"total_tokens_M": 1.0, "num_steps": 250.0}
SLOW, SHORT, ALIKE = (
    {"total_tokens_M": tokens, "num_steps": steps} for tokens, steps in ((0.4, 400.0), (0.4, 40.0), (0.97, 240.0))
)


def context(
    delta: float | None,
    *,
    edits: list[Edit] | None = None,
    expected: float = -0.01,
    move: MoveType = "exploit",
    failure: FailureKind = "none",
    metrics: Metrics | None = None,
    sd: float = 0.004,
) -> ReflectContext:
    direction: Literal["decrease", "increase", "unchanged"]
    direction = "unchanged" if expected == 0 else "decrease" if expected < 0 else "increase"
    plan = Plan(
        session_id="s",
        iteration=3,
        iteration_label="003",
        experiment_index=3,
        created_at="",
        runner_mode="local",
        execution_id="s:003:1",
        execution_dir="",
        prediction="Prediction: changing MATRIX_LR will improve val_bpb because steps go further.",
        prediction_scored=Prediction(
            direction=direction,
            expected_delta=expected,
            interval=(expected - 0.008, expected + 0.008),
            confidence=0.8,
            mechanism="larger steps go further",
        ),
        move_type=move,
        why_now="now",
        knowledge_selection_reason="",
        knowledge_transcendent_prediction="",
        thesis="Larger updates.",
        antithesis="Calmer updates.",
        synthesis_candidate="A high peak with a long warm-down.",
        tensions_path="",
        actual_train_py="",
        actual_train_diff_patch="",
        transcendent_result_path="",
        prepare_phase_path="",
        prepare_summary="",
        edits=[KnobEdit(knob="MATRIX_LR", value="0.05")] if edits is None else edits,
    )
    better = 0.5 if delta is None else 0.98 if delta < 0 else 0.02
    kept = delta is not None and delta < -0.002
    verdict = Verdict(
        decision="keep" if kept else "discard",
        claim="provisional" if kept else None,
        rule="test",
        delta=delta,
        delta_sd=None if delta is None else sd,
        expected_improvement=0.0,
        probability_better=better,
        noise_sigma=0.004,
        p_value=0.5,
        level=0.05,
        runs=[],
        incumbent=Estimate(experiment_id="s:001", estimate=2.0, sd=0.003),
        successor=None,
    )
    score = Score(val_bpb=2.0 + (delta or 0), holdout_bpb=2.0, tokens=1, bytes=1) if failure == "none" else None
    return ReflectContext(
        plan, Failure(kind=failure, message="why"), score, verdict, metrics or {}, INCUMBENT, "", Path(), 0.0
    )


@pytest.mark.parametrize(
    ("delta", "expected", "outcome"),
    [
        (-0.010, -0.01, "confirmed"),
        (-0.003, -0.01, "inconclusive"),
        (0.0005, -0.01, "inconclusive"),
        (0.012, -0.01, "contradicted"),
        (0.005, -0.002, "contradicted"),
        (-0.040, -0.01, "mixed"),
        (-0.0005, -0.03, "contradicted"),
        (0.012, 0.01, "confirmed"),
        (-0.012, 0.01, "contradicted"),
        (0.001, 0.0, "confirmed"),
        (0.020, 0.0, "contradicted"),
        (0.010, 0.0, "inconclusive"),
    ],
)
def test_outcomes_follow_the_numbers(delta: float, expected: float, outcome: str) -> None:
    reflection = reflect(context(delta, expected=expected))
    assert reflection.outcome == outcome
    assert (reflection.contradicted_assumption is not None) == (outcome in ("contradicted", "mixed"))
    assert f"{delta:+.4f}" in reflection.summary_text
    if outcome == "contradicted":
        assert "larger steps go further" in (reflection.contradicted_assumption or "")


def knob(name: str) -> Edit:
    return KnobEdit(knob=name, value="5")


@pytest.mark.parametrize(
    ("delta", "edits", "metrics", "words"),
    [
        (0.02, [knob("MATRIX_LR")], {}, "The idea was poor"),
        (0.02, [knob("MATRIX_LR"), knob("DEPTH")], {}, "confounded: DEPTH, MATRIX_LR"),
        (0.02, [ReplaceEdit(search="a", replace="b")], {}, "confounded: the text of train.py"),
        (0.02, [knob("TOTAL_BATCH_SIZE"), knob("DEVICE_BATCH_SIZE")], SLOW, "unfair"),
        (0.02, [knob("DEPTH")], SLOW, "saw 0.4 M tokens in the budget where the incumbent saw 1 M"),
        (0.02, [knob("DEPTH")], ALIKE, "The idea was poor"),
        (0.02, [knob("DEPTH")], SHORT, "mis-scaled for the budget: it made only 40 steps"),
        (0.001, [knob("MATRIX_LR")], {}, "could not tell"),
        (-0.02, [knob("MATRIX_LR")], {}, "framing held"),
    ],
)
def test_the_framing_tells_what_it_was(delta: float, edits: list[Edit], metrics: Metrics, words: str) -> None:
    assert words in reflect(context(delta, edits=edits, metrics=metrics)).framing_diagnosis


@pytest.mark.parametrize(
    ("failure", "outcome", "words"),
    [
        ("nan", "contradicted", "mis-scaled"),
        ("out-of-memory", "contradicted", "mis-scaled"),
        ("timeout", "contradicted", "mis-scaled"),
        ("crash", "inconclusive", "not tested"),
        ("export", "inconclusive", "not tested"),
        ("score", "inconclusive", "not tested"),
        ("interrupted", "inconclusive", "not completed"),
        ("rejected", "inconclusive", "not completed"),
        ("lost", "inconclusive", "not completed"),
    ],
)
def test_failures(failure: FailureKind, outcome: str, words: str) -> None:
    reflection = reflect(context(None, failure=failure))
    assert reflection.outcome == outcome
    assert words in reflection.framing_diagnosis
    assert reflection.synthesis_status == "deferred"
    assert "why" in reflection.summary_text
    assert (reflection.contradicted_assumption is not None) == (failure in ("nan", "out-of-memory", "timeout", "crash"))


def test_the_baseline() -> None:
    reflection = reflect(context(None, edits=[]))
    assert reflection.outcome == "inconclusive"
    assert reflection.contradicted_assumption is None
    assert "2.0000" in reflection.summary_text


@pytest.mark.parametrize(
    ("delta", "move", "status", "following"),
    [
        (-0.01, "synthesize", "confirmed", "exploit"),
        (0.02, "synthesize", "contradicted", "exploit"),
        (0.001, "synthesize", "partial", "exploit"),
        (0.02, "exploit", "proposed", "negate"),
        (0.001, "exploit", "proposed", "synthesize"),
        (0.02, "negate", "proposed", "synthesize"),
    ],
)
def test_what_follows(delta: float, move: MoveType, status: str, following: str) -> None:
    reflection = reflect(context(delta, move=move))
    assert (reflection.synthesis_status, reflection.next_move_type) == (status, following)
    assert reflection.emergent_thought.endswith((".", "down."))


def test_a_world_without_noise_and_spread_does_not_divide_by_zero() -> None:
    assert reflect(context(0.01, sd=0.0)).outcome == "contradicted"
    assert World(1).turns == []
