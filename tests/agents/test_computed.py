from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from dialectic.agents.computed import reflect
from dialectic.state.base import Metrics, MoveType
from dialectic.state.briefing import Foresight, PoleEvidence, TensionEvidence
from dialectic.state.contracts import LossCurve, ReflectContext
from dialectic.state.knowledge import Role
from dialectic.state.plan import Plan
from dialectic.state.proposal import Edit, KnobEdit, Prediction
from dialectic.state.result import Estimate, ScoredRun, Verdict
from dialectic.state.run import Failure, FailureKind, ShownScore

SD = 0.005
"""Of the measured change: noise 0.004 of one run, 0.003 of the incumbent."""
INCUMBENT = {"total_tokens_M": 1.0, "num_steps": 250.0, "training_seconds": 60.0, "num_params_M": 2.0}


def metrics(**changed: float) -> Metrics:
    """A run like the incumbent's, but for ``changed``."""
    return INCUMBENT | changed


def foresight(tested: Role, mean: float | None = None) -> Foresight:
    pole = PoleEvidence(experiments=["s:003"], mean_delta=0.004, best_delta=0.004)
    other = PoleEvidence(experiments=["s:002"] if mean is not None else [], mean_delta=mean, best_delta=mean)
    evidence = TensionEvidence(
        kind="aggression-vs-stability",
        label="aggression against stability",
        thesis=pole if tested == "thesis" else other,
        antithesis=other if tested == "thesis" else pole,
        syntheses=[],
        last_iteration=3,
    )
    return Foresight(
        tested=tested,
        evidence=evidence,
        next_move="negate",
        next_axis="aggression-vs-stability",
        reason="The antithesis was never measured.",
    )


def context(
    change: float | None,
    *,
    edits: list[Edit] | None = None,
    expected: float = -0.01,
    move: MoveType = "exploit",
    failure: FailureKind = "none",
    run: Metrics | None = None,
    noise: float = 0.004,
    shrunk: float = 0.5,
    tested: Role = "thesis",
    mean: float | None = None,
    losses: tuple[LossCurve, LossCurve] = ((), ()),
) -> ReflectContext:
    """A finished iteration whose one run came to ``change`` against the incumbent's 2.0."""
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
        thesis="Larger updates. They go further.",
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
    delta = None if change is None else shrunk * change
    kept = delta is not None and delta < 0
    verdict = Verdict(
        decision="keep" if kept else "discard",
        claim="provisional" if kept else None,
        rule="test",
        delta=delta,
        delta_sd=None if delta is None else noise,
        expected_improvement=0.0,
        probability_better=0.5 if not delta else 0.7 if delta < 0 else 0.3,
        noise_sigma=noise,
        p_value=0.5,
        level=0.05,
        runs=[] if failure != "none" else [ScoredRun(of="candidate", seed=1, val_bpb=2.0 + (change or 0.0))],
        incumbent=Estimate(experiment_id="s:001", estimate=2.0, sd=0.75 * noise),
        successor=None,
    )
    score = ShownScore(val_bpb=2.0 + (change or 0), tokens=1, bytes=1) if failure == "none" else None
    return ReflectContext(
        plan,
        Failure(kind=failure, message="why"),
        score,
        verdict,
        metrics() if run is None else run,
        INCUMBENT,
        "",
        Path(),
        0.0,
        foresight(tested, mean),
        *losses,
    )


@pytest.mark.parametrize(
    ("change", "expected", "outcome"),
    [
        (-0.010, -0.01, "confirmed"),
        (-0.004, -0.01, "inconclusive"),
        (0.012, -0.01, "contradicted"),
        (0.006, -0.002, "mixed"),
        (-0.040, -0.01, "mixed"),
        (-0.0005, -0.03, "contradicted"),
        (0.012, 0.01, "confirmed"),
        (-0.012, 0.01, "contradicted"),
        (0.001, 0.0, "confirmed"),
        (0.020, 0.0, "contradicted"),
    ],
)
def test_outcomes_follow_the_measured_change_and_the_note_quotes_it(
    change: float, expected: float, outcome: str
) -> None:
    reflection = reflect(context(change, expected=expected))
    assert reflection.outcome == outcome
    assert (reflection.contradicted_assumption is not None) == (outcome in ("contradicted", "mixed"))
    text = reflection.summary_text
    assert f"a measured change of {change:+.4f} against the incumbent's 2.0000, one SD of noise being 0.0050" in text
    assert f"The estimated effect is {change / 2:+.4f}" in text or abs(change) < 0.001
    inside = expected - 0.008 <= change <= expected + 0.008
    assert f"the change lies {'inside' if inside else 'outside'}" in text
    assert f"the prediction is {outcome}" in text
    if outcome == "contradicted":
        assert "larger steps go further" in (reflection.contradicted_assumption or "")
        assert f"{change:+.4f} measured" in (reflection.contradicted_assumption or "")


@pytest.mark.parametrize(
    ("change", "expected", "words"),
    [
        (0.020, 0.0, "It is not without effect: about 0 (-0.0080 to +0.0080) was predicted, +0.0200 measured"),
        (0.012, -0.01, "It went the other way: -0.0100 (-0.0180 to -0.0020) was predicted, +0.0120 measured"),
        (-0.0005, -0.03, "Nothing of the size shows"),
        (-0.040, -0.01, "The direction held, the size did not: -0.0100 (-0.0180 to -0.0020) was predicted, -0.0400"),
        (-0.006, -0.02, "less than the belief allows"),
        (0.006, -0.002, "The size was allowed for, the direction was not foreseen"),
    ],
)
def test_a_contradicted_assumption_names_the_belief_and_the_numbers(change: float, expected: float, words: str) -> None:
    told = reflect(context(change, expected=expected)).contradicted_assumption or ""
    assert told.startswith("It was believed that larger steps go further. ")
    assert words in told


def test_the_estimated_effect_never_decides_how_a_prediction_fared() -> None:
    outcomes = {reflect(context(-0.010, shrunk=shrunk)).outcome for shrunk in (0.01, 0.5, 1.0, -0.5)}
    assert outcomes == {"confirmed"}


@pytest.mark.parametrize(
    ("change", "shrunk", "words"),
    [
        (-0.006, 0.5, "About 4 runs of each would tell 0.0060 apart from the noise of 0.0040."),
        (-0.0002, 0.5, "a bolder step, of an effect of 0.0080 or more, shows in 2 runs of each"),
        (0.02, 0.5, "At this step size nothing is left to decide."),
    ],
)
def test_the_note_says_what_would_decide_the_question(change: float, shrunk: float, words: str) -> None:
    assert words in reflect(context(change, shrunk=shrunk)).summary_text


def test_no_number_rounds_to_nothing() -> None:
    told = reflect(context(0.00001, expected=0.0))
    assert "+0.0000" not in told.model_dump_json()
    assert "a measured change of about 0 against" in told.summary_text


@pytest.mark.parametrize(
    ("failure", "outcome", "words"),
    [
        ("nan", "contradicted", "mis-scaled"),
        ("out-of-memory", "inconclusive", "mis-scaled"),
        ("timeout", "inconclusive", "mis-scaled"),
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
    assert "would decide it" in reflection.summary_text
    silent = failure in ("interrupted", "rejected", "lost")
    assert (reflection.contradicted_assumption is None) == silent
    assert "not against the side" in reflection.emergent_thought


def test_a_diverged_loss_contradicts_no_prediction_of_a_loss() -> None:
    assert reflect(context(None, failure="nan", expected=0.01)).outcome == "inconclusive"


def test_the_baseline() -> None:
    reflection = reflect(context(None, edits=[]))
    assert reflection.outcome == "inconclusive"
    assert reflection.contradicted_assumption is None
    assert "2.0000" in reflection.summary_text


@pytest.mark.parametrize(
    ("change", "move", "status"),
    [
        (-0.010, "synthesize", "confirmed"),
        (-0.0005, "synthesize", "contradicted"),  # nothing of what was predicted shows
        (-0.004, "synthesize", "partial"),  # inconclusive, but it leans
        (-0.040, "synthesize", "partial"),  # a gain, but not the predicted one
        (0.020, "synthesize", "contradicted"),
        (-0.010, "exploit", "deferred"),
        (0.020, "negate", "deferred"),
    ],
)
def test_a_third_form_is_confirmed_by_the_evidence_that_confirms_a_prediction(
    change: float, move: MoveType, status: str
) -> None:
    expected = -0.03 if change == -0.0005 else -0.01
    assert reflect(context(change, move=move, expected=expected, tested="synthesis")).synthesis_status == status


def test_a_tenth_of_a_sd_confirms_nothing() -> None:
    told = reflect(context(-0.1 * SD, move="synthesize", expected=-0.004, tested="synthesis"))
    assert (told.outcome, told.synthesis_status) == ("inconclusive", "partial")
    worse = reflect(context(0.1 * SD, move="synthesize", expected=-0.004, tested="synthesis"))
    assert (worse.outcome, worse.synthesis_status) == ("inconclusive", "deferred")


def test_the_next_move_is_the_graphs() -> None:
    for told in (context(-0.01), context(0.02), context(None, failure="crash"), context(None, edits=[])):
        reflection = reflect(told)
        assert reflection.next_move_type == "negate"
        assert "Next: negate on aggression-vs-stability. The antithesis was never measured." in reflection.summary_text
    assert reflect(replace(context(0.02), foresight=Foresight())).next_move_type == "exploit"


@pytest.mark.parametrize(
    ("change", "tested", "mean", "words"),
    [
        (-0.02, "thesis", None, '"Larger updates" measured better, and is not proven yet. "Calmer updates" has not'),
        (-0.02, "antithesis", 0.003, '"Larger updates" stands at an estimated +0.0030 bpb after one test.'),
        (0.02, "thesis", -0.003, 'the one at hand is "A high peak with a long warm-down".'),
        (-0.004, "thesis", None, 'leans towards "Larger updates", not beyond the noise'),
        (0.004, "thesis", None, 'leans away from "Larger updates"'),
        (0.0, "thesis", None, "MATRIX_LR was moved too timidly for this noise."),
        (-0.02, "synthesis", 0.001, "no either-or"),
        (0.02, "synthesis", 0.001, "only one of them can be kept, or another change has to join them"),
        (0.001, "synthesis", 0.001, "without harm that shows"),
    ],
)
def test_the_thought_is_about_the_opposition(change: float, tested: Role, mean: float | None, words: str) -> None:
    assert words in reflect(context(change, tested=tested, mean=mean)).emergent_thought


def test_only_a_proven_gain_is_beyond_question() -> None:
    told = context(-0.02)
    proven = replace(told, verdict=told.verdict.model_copy(update={"claim": "proven"}))
    assert '"Larger updates" pays here. "Calmer updates" has not been measured.' in reflect(proven).emergent_thought
    assert "no longer whether" not in reflect(told).emergent_thought


def test_a_world_without_noise_does_not_divide_by_zero() -> None:
    told = reflect(context(0.01, noise=0.0))
    assert told.outcome == "contradicted"
    assert "no noise is known" in told.framing_diagnosis
    assert reflect(context(0.0, noise=0.0, expected=0.0)).outcome == "confirmed"
