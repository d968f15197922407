"""Reflections in a session: the next move that they name is what the tension graph then suggests."""

from __future__ import annotations

from itertools import pairwise

from tests.loop.conftest import RunScript

FALLS = {str(number): {"val_bpb": bpb} for number, bpb in enumerate((2.0, 1.75, 1.79, 1.70, 1.9, 1.85, 1.77), 1)}


def test_every_reflection_says_what_the_next_plan_is_told(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": FALLS}, iterations=6)
    history = session.history()
    for (_, ended, _), (plan, _, _) in pairwise(history):
        assert ended is not None
        move, reason = ended.summary_text.split("Next: ", 1)[1].split(". ", 1)
        assert move.split()[0] == ended.next_move_type == plan.move_type
        assert plan.knowledge_selection_reason.endswith(reason)
    moves = [plan.move_type for plan, _, _ in history[1:]]
    assert "synthesize" in moves[:3]
    assert "synthesize" in moves[3:]


def test_an_agents_own_wish_is_heard_or_the_reason_says_why_not(run_script: RunScript) -> None:
    wishes = {"2": {"next_move_type": "negate"}, "3": {"next_move_type": "exploit"}}
    session, _ = run_script({"iterations": FALLS}, {"reflect": wishes}, iterations=3)
    heard, overruled = (plan for plan, _, _ in session.history()[2:])
    assert heard.move_type == "negate"
    assert "The reflection of iteration 002 asked to negate." in heard.knowledge_selection_reason
    assert overruled.move_type == "synthesize"
    assert "iteration 003 asked to exploit; the graph departs from it." in overruled.knowledge_selection_reason


def test_a_failed_iteration_is_reflected_on_with_a_next_move(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": FALLS | {"2": {"failure": "out-of-memory"}}}, iterations=2)
    failed, after = session.history()[1][1], session.history()[2][0]
    assert failed is not None
    assert failed.outcome == "inconclusive"
    assert "mis-scaled" in failed.framing_diagnosis
    assert failed.next_move_type == after.move_type
    pole = failed.summary_text.split("Next: ", 1)[1]
    assert "No pole of" in pole


def test_what_the_numbers_say_is_stamped_computed_whoever_hands_it_in(run_script: RunScript) -> None:
    session, _ = run_script({"iterations": FALLS}, {"reflect": {"2": {"next_move_type": "negate"}}}, iterations=3)
    wished, plain = (ended for _, ended, _ in session.history()[1:3])
    assert wished is not None
    assert plain is not None
    assert wished.filled_by["next_move_type"] == "agent"
    assert plain.filled_by["next_move_type"] == plain.filled_by["summary_text"] == "computed"
