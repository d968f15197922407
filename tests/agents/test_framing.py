"""The four diagnoses, from what the runs recorded."""

from __future__ import annotations

import pytest

from dialectic.agents.computed import reflect
from dialectic.agents.framing import at_equal_tokens, causes, last_fall
from dialectic.state.base import Metrics, MoveType
from dialectic.state.contracts import LossCurve
from dialectic.state.proposal import Edit, KnobEdit, ReplaceEdit
from tests.agents.test_computed import context, metrics


def knob(name: str) -> Edit:
    return KnobEdit(knob=name, value="5")


CODE = ReplaceEdit(search="a", replace="b")
FEWER = metrics(total_tokens_M=0.4)


def curve(million: float, losses: list[float]) -> LossCurve:
    """Losses at equal distances, the last one after ``million`` million tokens."""
    return tuple((1e6 * million * (place + 1) / len(losses), loss) for place, loss in enumerate(losses))


THEIRS = curve(1.0, [8.0, 7.0, 6.0, 5.5, 5.0, 4.8, 4.6, 4.5, 4.4, 4.35])
LEVELLING = curve(1.0, [8.0 - 3.5 * (1 - 0.8**step) for step in range(25)])
AHEAD = curve(0.4, [8.0, 7.0, 6.0, 5.5, 5.2, 5.0, 4.9, 4.8, 4.7, 4.65])
BEHIND = curve(0.4, [9.0, 8.6, 8.2, 8.0, 7.8, 7.6, 7.4, 7.2, 7.1, 7.05])
FALLING = curve(1.0, [9.0 - 0.2 * step for step in range(25)])


@pytest.mark.parametrize(
    ("edits", "run", "words"),
    [
        ([knob("MATRIX_LR")], metrics(), "The idea was poor: one change, no fewer tokens"),
        ([CODE, CODE], metrics(), "The idea was poor"),
        ([knob("MATRIX_LR")], metrics(total_tokens_M=2.0), "poor: one change, 2 times the tokens, and yet +0.0200"),
        ([knob("MATRIX_LR")], metrics(peak_vram_mb=10.0), "The idea was poor"),
        ([knob("MATRIX_LR"), knob("DEPTH")], metrics(), "confounded: DEPTH and MATRIX_LR changed together"),
        ([knob("MATRIX_LR"), CODE], metrics(), "confounded: MATRIX_LR and the code changed together"),
        ([knob("TOTAL_BATCH_SIZE"), knob("DEVICE_BATCH_SIZE")], FEWER, "unfair: it saw 0.4 M tokens in the budget"),
        ([CODE], FEWER, "unfair: it saw 0.4 M tokens in the budget, the incumbent 1 M."),
        ([knob("MATRIX_LR")], metrics(training_seconds=30.0), "unfair: it trained for 30 s, the incumbent for 60 s"),
        ([knob("DEPTH")], FEWER | {"num_params_M": 3.0}, "mis-scaled for the budget: with 1.5 times the parameters"),
        ([knob("DEPTH")], FEWER | {"num_steps": 40.0}, "mis-scaled for the budget: it made only 40 steps"),
    ],
)
def test_a_loss_has_one_of_four_reasons(edits: list[Edit], run: Metrics, words: str) -> None:
    assert words in reflect(context(0.02, edits=edits, run=run)).framing_diagnosis


@pytest.mark.parametrize(
    ("losses", "run", "words"),
    [
        (
            (AHEAD, THEIRS),
            FEWER,
            "unfair: it saw 0.4 M tokens in the budget, the incumbent 1 M, and after 0.2 M tokens",
        ),
        ((BEHIND, THEIRS), FEWER, "The idea was poor: one change, behind also at equal tokens"),
        ((AHEAD, THEIRS), FEWER | {"num_params_M": 3.0}, "mis-scaled"),
        ((BEHIND, THEIRS), FEWER | {"num_params_M": 3.0}, "The idea was poor"),
        (
            (FALLING, LEVELLING),
            metrics(),
            "mis-scaled for the budget: in the last fifth of the run its training loss still",
        ),
        ((LEVELLING, LEVELLING), metrics(), "The idea was poor"),
        ((FALLING, ()), metrics(), "The idea was poor"),
    ],
)
def test_the_loss_at_equal_tokens_tells_a_poor_idea_from_an_expensive_one(
    losses: tuple[LossCurve, LossCurve], run: Metrics, words: str
) -> None:
    told = reflect(context(0.02, run=run, losses=losses))
    assert words in told.framing_diagnosis
    assert ("may be at fault" in (told.contradicted_assumption or "")) == ("poor" not in words)
    assert "decide" in told.summary_text


def test_of_two_losses_it_says_whose_they_are() -> None:
    told = reflect(context(0.02, run=FEWER, losses=(AHEAD, THEIRS))).framing_diagnosis
    assert "its training loss was ahead (5.200, the incumbent's 7.000)" in told


def test_a_noisy_end_of_a_loss_curve_is_no_fall() -> None:
    steeper = tuple((tokens, loss - 0.02 * place) for place, (tokens, loss) in enumerate(LEVELLING))
    noisy = tuple((tokens, loss + 0.2 * (-1) ** place) for place, (tokens, loss) in enumerate(steeper))
    assert "mis-scaled" in reflect(context(0.02, losses=(steeper, LEVELLING))).framing_diagnosis
    assert "The idea was poor" in reflect(context(0.02, losses=(noisy, LEVELLING))).framing_diagnosis


def test_several_causes_of_a_synthesis_are_its_form_and_no_confusion() -> None:
    both: list[Edit] = [knob("DEPTH"), knob("ASPECT_RATIO")]
    assert "these changes together" in reflect(context(0.02, edits=both, move="synthesize")).framing_diagnosis
    assert "Which of ASPECT_RATIO and DEPTH carried it" in reflect(context(-0.02, edits=both)).framing_diagnosis


@pytest.mark.parametrize("move", ["exploit", "synthesize"])
def test_within_the_noise_nothing_is_said_of_the_idea(move: MoveType) -> None:
    told = reflect(context(0.001, move=move)).framing_diagnosis
    assert told == "Undecided: 0.2 SDs of its noise from nothing, so it speaks neither for the idea nor against it."
    expensive = reflect(context(0.001, move=move, run=FEWER)).framing_diagnosis
    assert "Whatever more runs show, the comparison was unfair: it saw 0.4 M tokens" in expensive


def test_a_gain_says_what_it_cost() -> None:
    cheap = reflect(context(-0.02, run=FEWER)).framing_diagnosis
    assert cheap.startswith("The framing held: 4.0 SDs")
    assert "on 0.4 times the incumbent's tokens" in cheap


def test_causes_are_counted_once() -> None:
    follows: list[Edit] = [knob("TOTAL_BATCH_SIZE"), knob("DEVICE_BATCH_SIZE"), CODE, CODE]
    assert causes(context(0.0, edits=follows).plan) == ["TOTAL_BATCH_SIZE", "the code"]
    assert causes(context(0.0, edits=[knob("DEVICE_BATCH_SIZE")]).plan) == ["DEVICE_BATCH_SIZE"]
    graft = ReplaceEdit(search="DEPTH = 3\n", replace="DEPTH = 3\nQK_SCALE = 1.0\n")
    assert causes(context(0.0, edits=[graft, knob("QK_SCALE")]).plan) == ["QK_SCALE"]


def test_curves_too_thin_tell_nothing() -> None:
    assert at_equal_tokens(THEIRS[:4], THEIRS) is None
    assert at_equal_tokens(AHEAD, curve(60.0, [5.0] * 5)) is None
    assert last_fall(()) is None
    assert at_equal_tokens(AHEAD, THEIRS) == (0.2, 5.2, 7.0)
    assert last_fall(THEIRS) is None
    assert last_fall(FALLING) == pytest.approx((1.0, 0.0), abs=1e-9)
