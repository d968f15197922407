"""Which pole an experiment embodied."""

from __future__ import annotations

from dialectic.knowledge.poles import embodied, is_baseline
from dialectic.state.plan import NOT_RECORDED, Plan
from dialectic.state.proposal import EditsSource, KnobEdit
from tests.knowledge.histories import CAPACITY, LOCALITY, STABILITY, edit, plan, tension

HELD = [tension(CAPACITY), tension(STABILITY, favoured="antithesis")]
UNKNOWN = KnobEdit(knob="WARMUP_RATIO", value="0.1")


def test_edits_that_are_a_poles_own_decide_against_the_move() -> None:
    mine = plan(2, edits=[edit(STABILITY, "thesis")], move="negate")
    assert embodied(mine, HELD, [CAPACITY]).polarity == {STABILITY: "thesis"}


def test_exploit_is_the_favoured_side_and_negate_the_other_of_the_first_source() -> None:
    exploit, negate = plan(2, edits=[UNKNOWN]), plan(2, edits=[UNKNOWN], move="negate")
    assert embodied(exploit, HELD, [STABILITY]).polarity == {STABILITY: "antithesis"}
    assert embodied(negate, HELD, [STABILITY]).polarity == {STABILITY: "thesis"}


def test_without_sources_the_first_active_tension_counts_whatever_the_order_of_reading() -> None:
    mine = plan(2, edits=[UNKNOWN], active=[STABILITY, CAPACITY])
    assert embodied(mine, HELD, []).polarity == {STABILITY: "antithesis"}
    assert embodied(mine, HELD[::-1], ["unheard-of"]).polarity == {STABILITY: "antithesis"}


def test_a_synthesis_is_a_third_form_and_no_pole() -> None:
    mine = plan(2, edits=[edit(CAPACITY, "thesis"), UNKNOWN], move="synthesize")
    form = embodied(mine, HELD, [CAPACITY])
    assert (form.polarity, form.syntheses) == ({}, (CAPACITY,))


def test_a_synthesis_that_is_a_pole_word_for_word_is_that_pole() -> None:
    form = embodied(plan(2, edits=[edit(CAPACITY, "thesis")], move="synthesize"), HELD, [CAPACITY])
    assert (form.polarity, form.syntheses) == ({CAPACITY: "thesis"}, ())


def test_poles_among_the_edits_count_each() -> None:
    mine = plan(2, edits=[edit(CAPACITY, "antithesis"), edit(STABILITY, "antithesis")])
    assert embodied(mine, HELD, [LOCALITY]).polarity == {CAPACITY: "antithesis", STABILITY: "antithesis"}


def test_a_pole_of_another_text_is_not_matched() -> None:
    elsewhere = EditsSource(base="other:004", edits=[edit(CAPACITY, "antithesis")])
    held = [tension(CAPACITY).model_copy(update={"antithesis_source": elsewhere})]
    assert embodied(plan(2, edits=[edit(CAPACITY, "antithesis")]), held, []).polarity == {CAPACITY: "thesis"}
    here = EditsSource(base="s:001", edits=[edit(CAPACITY, "antithesis")])
    held = [tension(CAPACITY).model_copy(update={"antithesis_source": here})]
    assert embodied(plan(2, edits=[edit(CAPACITY, "antithesis")]), held, []).polarity == {CAPACITY: "antithesis"}


def test_a_baseline_embodies_nothing() -> None:
    assert is_baseline(plan(1))
    assert embodied(plan(1), HELD, [CAPACITY]).polarity == {}
    assert embodied(plan(2, edits=[UNKNOWN]), [], [CAPACITY]).polarity == {}


def test_the_reference_systems_stated_move_counts_without_edits() -> None:
    old = Plan.upgrade({"session_id": "v", "iteration": 2, "iteration_label": "002", "created_at": "", "edits": None})
    assert is_baseline(Plan.model_validate(old))
    stated = Plan.model_validate(old | {"move_type": "negate", "filled_by": {}})
    assert stated.prediction_scored.mechanism == NOT_RECORDED
    assert embodied(stated, HELD, [CAPACITY]).polarity == {CAPACITY: "antithesis"}
